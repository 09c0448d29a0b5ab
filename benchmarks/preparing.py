"""Which codec training copies should have: speed of reading, size and quality, side by side.

    python benchmarks/preparing.py                   # synthetic videos
    python benchmarks/preparing.py --clips FOLDER    # and real ones
    python benchmarks/preparing.py --originals VIDEOS --copies PREPARED    # what `prepare` gained

Every video is copied in each way. On one core, all in turns: a random clip of 16 frames, 112x112,
file opened and packet index known. "faster" is the ratio to the original, "size" that of the
files. "coding dB" is the PSNR of all frames against the same frames scaled but not compressed,
"clip dB" that of whole-frame clips of 112x112 against those from the original: scaling included.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402

from benchmarks.decoding import materials  # noqa: E402
from datasets.clips.frame_choice import random_clip  # noqa: E402
from datasets.copies import training_copy  # noqa: E402
from datasets.copies.training_copy import write_copy  # noqa: E402
from datasets.decoding.packet_index import PacketIndex  # noqa: E402
from datasets.decoding.video_reader import VideoReader  # noqa: E402

FRAMES, SIZE = 16, 112
MPEG4 = training_copy.OPTIONS
X264 = {"crf": "18", "preset": "medium", "tune": "fastdecode", "threads": "1"}
# Codec, distance of key frames, options; the first is ours, the last is the yardstick.
WAYS = {
    "ours": (training_copy.CODEC, training_copy.KEY_FRAME_DISTANCE, MPEG4),
    "mpeg4 gop 8": ("mpeg4", 8, MPEG4),
    "mpeg4 q 3": ("mpeg4", 16, MPEG4 | {"qmin": "3", "qmax": "3"}),
    "mpeg4 h263 quant": ("mpeg4", 16, MPEG4 | {"mpeg_quant": "0"}),
    "h264 crf 18": ("libx264", 16, X264),
    "lossless": ("libx264", 16, {"qp": "0", "preset": "veryfast", "threads": "1"}),
}


def copy_in_every_way(source, folder):
    """Paths of the copies by way of copying."""
    paths = {}
    for way, constants in WAYS.items():
        training_copy.CODEC, training_copy.KEY_FRAME_DISTANCE, training_copy.OPTIONS = constants
        paths[way] = str(Path(folder, f"{way}.mp4"))
        write_copy(source, paths[way], 128)
    return paths


def psnr(one, other):
    error = np.mean((one.astype(np.float32) - other) ** 2)
    return 10 * math.log10(255**2 / error) if error else math.inf


def whole_frames(path, index, starts):
    with VideoReader(path, index) as reader:
        crop = 0, 0, reader.width, reader.height
        return reader.read_clips(starts[:, None] + np.arange(FRAMES), crop, SIZE)


def every_frame(path, index):
    with VideoReader(path, index) as reader:
        return reader.read(range(len(reader)))


def seconds_per_clip(paths, indexes, rounds):
    """Mean seconds by way of copying, all of them taking turns."""
    generator = np.random.default_rng(0)
    spent = dict.fromkeys(paths, 0.0)
    n_frames = indexes["original"].n_frames
    for _ in range(rounds):
        start, side = generator.integers(n_frames - FRAMES + 1), generator.uniform(0.5, 1)
        for way, path in paths.items():
            began = time.process_time()
            with VideoReader(path, indexes[way]) as reader:
                length = int(side * min(reader.width, reader.height))
                reader.read_clip(int(start), FRAMES, 1, (0, 0, length, length), SIZE)
            spent[way] += time.process_time() - began
    return {way: seconds / rounds for way, seconds in spent.items()}


def compare(name, source, rounds):
    with tempfile.TemporaryDirectory() as folder:
        paths = {"original": source, **copy_in_every_way(source, folder)}
        indexes = {way: PacketIndex.build(path) for way, path in paths.items()}
        seconds = seconds_per_clip(paths, indexes, rounds)
        starts = np.linspace(0, indexes["original"].n_frames - FRAMES, 5).astype(int)
        wanted = whole_frames(source, indexes["original"], starts)
        scaled = every_frame(paths["lossless"], indexes["lossless"])
        print(f"\n{name}\n{'':18}{'ms':>7}{'faster':>8}{'size':>7}{'coding dB':>11}{'clip dB':>9}")
        print(f"{'original':18}{seconds['original'] * 1e3:7.2f}{1:8.2f}{1:7.2f}")
        for way in WAYS:
            size = os.path.getsize(paths[way]) / os.path.getsize(source)
            coding = psnr(every_frame(paths[way], indexes[way]), scaled)
            clip = psnr(whole_frames(paths[way], indexes[way], starts), wanted)
            print(
                f"{way:18}{seconds[way] * 1e3:7.2f}{seconds['original'] / seconds[way]:8.2f}"
                f"{size:7.2f}{coding:11.1f}{clip:9.1f}",
                flush=True,
            )


def compare_reading(originals, copies, clips, seed=0):
    """Print how much faster random clips come from the copies that `prepare` made."""
    generator = np.random.default_rng(seed)
    pairs = [
        (path, copies / path.relative_to(originals).with_suffix(".mp4"))
        for path in sorted(originals.rglob("*"))
        if path.is_file()
    ]
    pairs = [pair for pair in pairs if pair[1].is_file()]
    seconds, n_clips = np.zeros(2), 0
    for number in generator.permutation(len(pairs))[:20]:
        indexes = [PacketIndex.build(path) for path in pairs[number]]
        for _ in range(clips):
            frames = random_clip(indexes[0].n_frames, FRAMES, 1, generator)
            for way, (path, index) in enumerate(zip(pairs[number], indexes, strict=True)):
                began = time.process_time()
                with VideoReader(path, index) as reader:
                    reader.read_clips(frames[None], size=SIZE)
                seconds[way] += time.process_time() - began
            n_clips += 1
    if n_clips == 0:
        sys.exit(f"{copies}: no copies of the videos in {originals}")
    original, copy = seconds / n_clips * 1e3
    print(
        f"a random clip of {FRAMES} frames takes {copy:.1f} ms from a copy, {original:.1f} ms from "
        f"its original: {original / copy:.1f} times as fast"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, help="folder of real videos, each a table of its own")
    parser.add_argument("--core", type=int, default=0, help="core to stay on")
    parser.add_argument("--rounds", type=int, default=40, help="clips per video and way")
    parser.add_argument("--originals", type=Path, help="folder that `prepare` made copies of")
    parser.add_argument("--copies", type=Path, help="the folder of these copies")
    args = parser.parse_args()
    os.sched_setaffinity(0, {args.core})
    if args.originals and args.copies:
        compare_reading(args.originals, args.copies, clips=3)
        return
    with tempfile.TemporaryDirectory() as folder:
        files = materials(folder)
        if args.clips:
            files += [(p.name, str(p)) for p in sorted(args.clips.iterdir()) if p.is_file()]
        for name, path in files:
            compare(name, path, args.rounds)


if __name__ == "__main__":
    main()
