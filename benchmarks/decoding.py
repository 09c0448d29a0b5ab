"""How fast clips come out of video files, beside other libraries and beside decoding alone.

    pip install -r benchmarks/requirements.txt
    python benchmarks/decoding.py                   # synthetic videos
    python benchmarks/decoding.py --clips FOLDER    # and real ones

On one core. Every number is a ratio within this run, the ways of reading taking turns:

1. a random training clip: 16 frames, random crop, 112x112, opening the file included, its frame
   index (some kilobytes) cached beforehand;
2. the same from the copy that `prepare` makes, beside the frames extracted as JPEG, 240 high;
3. all evaluation windows of a video: 16 frames each, centre crop, 112x112.

Every way lives in a process of its own, ours prepared as the loader prepares its workers, and
reads several clips before it is the next one's turn: a worker's caches are warm. Times are
processor time, so that other load on the machine counts little. OpenCV and decord clips are
scaled by OpenCV's bilinear, which does not smooth: quicker than what this project, PIL and
torchcodec do, and not the same picture. "OpenCV area" is OpenCV's way of smoothing.

"vs X" is how many times faster than X this project is; "x decoding" is its time over that of
decoding the packets it cannot do without and nothing else.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import av
import numpy as np

from benchmarks.decoding_rivals import JPEG_ROUTES, RIVALS, SIZE
from benchmarks.own_process import OwnProcess
from datasets.clips.worker import keep_freed_memory
from datasets.copies.training_copy import write_copy
from datasets.decoding.packet_index import Numbering, PacketIndex
from datasets.decoding.video_reader import VideoReader

FRAMES = 16
ROUNDS = 4
# Clips, or times all windows of a video, that one way reads before it is the next one's turn.
CLIPS_IN_A_ROW = 10
TIMES_IN_A_ROW = 3


def footage(width, height, frames, seed=0):
    """Yield RGB frames that cost an encoder about what filmed ones do: texture, motion, grain."""
    rng = np.random.default_rng(seed)
    scene = np.zeros((height * 2, width * 2, 3))
    for cell, weight in ((64, 90), (16, 40), (4, 20)):
        shape = scene.shape[0] // cell + 1, scene.shape[1] // cell + 1, 3
        coarse = np.kron(rng.random(shape), np.ones((cell, cell, 1)))
        scene += weight * coarse[: scene.shape[0], : scene.shape[1]]
    for axis in (0, 1):
        scene = (scene + np.roll(scene, 1, axis) + np.roll(scene, 2, axis)) / 3
    actor = np.roll(scene[: height // 2, : width // 3], 40, axis=1)[::-1]
    grain = rng.normal(0, 3, (4, height, width, 1))
    for i in range(frames):
        x, y = (i // 2) % width, int(20 + 20 * np.sin(i / 9))
        frame = scene[y : y + height, x : x + width].copy()
        left = int((width * 2 // 3 - 1) * (0.5 + 0.5 * np.sin(i / 13)))
        top = int(height / 4 * (1 + np.sin(i / 7)))
        frame[top : top + actor.shape[0], left : left + actor.shape[1]] = actor
        yield (frame + grain[rng.integers(4)]).clip(0, 255).astype(np.uint8)


def make(path, codec, width, height, frames, gop, b_frames, options):
    """Encode the footage into a file."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = gop, b_frames
        if codec == "mpeg4":
            # A scene cut would bring key frames, of which UCF-101 has one per file.
            stream.codec_context.options = {**options, "sc_threshold": "1000000000"}
        for picture in footage(width, height, frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return str(path)


def materials(folder):
    """The synthetic videos: name and path."""
    q = {"b": "700000"}
    crf = {"crf": "23", "preset": "medium", "sc_threshold": "0"}
    table = [
        ("mpeg4 avi, B-frames", "asp.avi", "mpeg4", 320, 240, 180, 600, 2, q),
        ("mpeg4 avi, no B", "sp.avi", "mpeg4", 320, 240, 180, 600, 0, q),
        ("h264 340x256, gop 12", "g12.mp4", "libx264", 340, 256, 300, 12, 2, crf),
        ("h264 340x256, gop 250", "g250.mp4", "libx264", 340, 256, 300, 250, 2, crf),
        ("h264 1280x720, gop 12", "720.mp4", "libx264", 1280, 720, 150, 12, 2, crf),
    ]
    return [(name, make(Path(folder, file), *rest)) for name, file, *rest in table]


def necessary(path, index, wanted):
    """Seconds that the decoder alone takes for the packets that these frames need."""
    by_pts = index.numbering == Numbering.PTS
    key = int(index.key_packets(wanted, 0)[0])
    if by_pts:
        needed = set(index.packet_of_frame[wanted].tolist())
    else:
        needed = set((wanted + index.delay).tolist())
    with av.open(path, metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        packets = [p for p in container.demux(stream) if p.size][: max(needed) + 1]
        context = stream.codec_context
        elapsed = 0
        for number, packet in enumerate(packets[key:], key):
            context.skip_frame = "DEFAULT" if number in needed else "NONREF"
            begin = time.process_time()
            context.decode(packet)
            elapsed += time.process_time() - begin
        begin = time.process_time()
        if by_pts:
            context.decode(None)
        return elapsed + time.process_time() - begin


def ours(path, index, starts, crop):
    """Clips of consecutive frames as the loader's workers read them."""
    with VideoReader(path, index=index) as video:
        video.read_clips(starts[:, None] + np.arange(FRAMES), crop, SIZE)


def random_crop(rng, index):
    side = int(min(index.width, index.height) * np.sqrt(rng.uniform(0.25, 1)))
    side -= side % 2
    x, y = rng.integers(0, index.width - side + 1), rng.integers(0, index.height - side + 1)
    return int(x), int(y), side, side


class Ways:
    """The ways of reading that are compared, each in a process of its own.

    Args:
        rivals: Their functions by name; those that time "ours" and "decoding" come on top.
        more: Names that are "ours" on another file.
    """

    def __init__(self, rivals, more=()):
        own = {name: OwnProcess(ours, keep_freed_memory) for name in ("ours", *more)}
        others = {name: OwnProcess(_without_result(rival)) for name, rival in rivals.items()}
        self._processes = {**own, **others, "decoding": OwnProcess(necessary, keep_freed_memory)}
        self.times = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._processes.values():
            process.close()

    def time(self, name, calls):
        seconds, error = self._processes[name].time(calls)
        if error is not None:
            print(f"  {name} fails: {error}", file=sys.stderr)
        self.times.setdefault(name, []).extend(seconds)


def _without_result(function):
    def run(*args):
        function(*args)

    return run


def random_clips(path, rounds):
    """Times of a random training clip, by way of reading."""
    index = PacketIndex.build(path)
    rng = np.random.default_rng(0)
    with Ways(RIVALS) as ways:
        for _ in range(rounds):
            starts = rng.integers(0, index.n_frames - FRAMES + 1, CLIPS_IN_A_ROW).tolist()
            crops = [random_crop(rng, index) for _ in starts]
            clips = list(zip(starts, crops, strict=True))
            ways.time("ours", [(path, index, np.array([s]), crop) for s, crop in clips])
            ways.time("decoding", [(path, index, s + np.arange(FRAMES)) for s in starts])
            for name in RIVALS:
                ways.time(name, [(path, s, FRAMES, crop) for s, crop in clips])
    return ways.times


def extract_jpegs(path, folder):
    """Write the frames of a video as the PyTorch original wants them: JPEG, 240 high."""
    with av.open(path, metadata_errors="replace") as source:
        for number, frame in enumerate(source.decode(video=0), 1):
            high = frame.reformat(round(frame.width * 240 / frame.height), 240, "rgb24")
            high.to_image().save(Path(folder, f"image_{number:05d}.jpg"), quality=90)


def prepared_clips(path, rounds):
    """Times of a random training clip from a prepared copy and from JPEG frames."""
    with tempfile.TemporaryDirectory() as jpegs:
        copy = str(Path(jpegs, "copy.mp4"))
        write_copy(path, copy, short_side=128)
        extract_jpegs(path, jpegs)
        original, index = PacketIndex.build(path), PacketIndex.build(copy)
        rng = np.random.default_rng(0)
        with Ways(JPEG_ROUTES, more=["the original"]) as ways:
            for _ in range(rounds):
                starts = rng.integers(0, index.n_frames - FRAMES + 1, CLIPS_IN_A_ROW).tolist()
                clips = [(start, random_crop(rng, index)) for start in starts]
                ways.time("ours", [(copy, index, np.array([s]), crop) for s, crop in clips])
                ways.time("decoding", [(copy, index, s + np.arange(FRAMES)) for s in starts])
                in_jpeg = [(s, tuple(v * 240 // index.height for v in crop)) for s, crop in clips]
                for name in JPEG_ROUTES:
                    ways.time(name, [(jpegs, s, FRAMES, crop) for s, crop in in_jpeg])
                last = original.n_frames - FRAMES
                whole = [
                    (min(s, last), tuple(v * original.height // index.height for v in crop))
                    for s, crop in clips
                ]
                calls = [(path, original, np.array([s]), crop) for s, crop in whole]
                ways.time("the original", calls)
    return ways.times


def all_windows(path, rounds):
    """Times of all evaluation windows of a video, by way of reading."""
    index = PacketIndex.build(path)
    side = min(index.width, index.height)
    crop = (index.width - side) // 2, (index.height - side) // 2, side, side
    starts = np.arange(0, index.n_frames - FRAMES + 1, FRAMES)
    n_frames = len(starts) * FRAMES
    with Ways(RIVALS) as ways:
        for _ in range(rounds):
            ways.time("ours", [(path, index, starts, crop)] * TIMES_IN_A_ROW)
            ways.time("decoding", [(path, index, np.arange(n_frames))] * TIMES_IN_A_ROW)
            for name in RIVALS:
                ways.time(name, [(path, 0, n_frames, crop)] * TIMES_IN_A_ROW)
    return ways.times


def table(title, files, measure, rounds, ways):
    """Measure and print one line per file; ``ways`` names the columns beside ours."""
    print(f"\n{title}")
    header = [f"{'':24s}", f"{'ours, ms':>9s}", f"{'x decoding':>11s}"]
    print(" ".join(header + [f"{'vs ' + way:>15s}" for way in ways]))
    for name, path in files:
        times = measure(path, rounds)
        median = {way: statistics.median(values) for way, values in times.items()}
        # Over clips that differ in length, a ratio of sums is what a run feels.
        ratio = {way: sum(values) / sum(times["ours"]) for way, values in times.items()}
        row = [f"{name[:24]:24s}", f"{median['ours'] * 1e3:9.2f}", f"{1 / ratio['decoding']:11.2f}"]
        print(" ".join(row + [f"{ratio[way]:15.2f}" for way in ways]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=Path, help="folder of real videos, each a row of its own")
    parser.add_argument("--core", type=int, default=0, help="core to stay on")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="turns of ten clips per video and way"
    )
    args = parser.parse_args()
    os.sched_setaffinity(0, {args.core})
    with tempfile.TemporaryDirectory() as folder:
        files = materials(folder)
        if args.clips:
            files += [(p.name, str(p)) for p in sorted(args.clips.iterdir()) if p.is_file()]
        rounds = args.rounds
        table("1. A random training clip", files, random_clips, rounds, [*RIVALS])
        ways = [*JPEG_ROUTES, "the original"]
        table("2. The same, prepared, beside JPEG", files, prepared_clips, rounds, ways)
        table("3. All evaluation windows", files, all_windows, rounds, [*RIVALS])


if __name__ == "__main__":
    main()
