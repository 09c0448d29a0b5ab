"""What a data set of 650,000 videos costs as an index: time, memory, and memory per worker.

    python benchmarks/index.py [--rows 650000] [--workers 2]
    python benchmarks/index.py --files 13320          # builds one from that many small files

The rows are made up in the manner of Kinetics-700. Each measurement runs in a process of its own;
the peer is the usual Python list of ``(path, label, frames)``, loaded from a pickle. The memory of
a worker is what it does not share with its parent (``Private_Dirty``) after it has been through
all rows once, as one epoch makes it do.
"""

import argparse
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.annotations.formats import load_splits  # noqa: E402
from datasets.index.building import build_index  # noqa: E402
from datasets.index.video_index import Row, VideoIndex  # noqa: E402

TARGET_SECONDS = 2
TARGET_MEGABYTES = 200


def made_up_rows(n_rows):
    """Rows with the paths, labels and frame counts of a large web data set."""
    for i in range(n_rows):
        name = f"{(i * 2654435761) % 2**44:011x}_{i % 300:06d}_{i % 300 + 10:06d}"
        label = i % 700
        path = f"some class with a name {label:03d}/{name}.mp4"
        yield Row(path, label, name, frame_count=250 + i % 50, fps=29.97)


def memory(field):
    """Megabytes of this process by one field of /proc/self/smaps_rollup."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise ValueError(field)


def load_index(path):
    return VideoIndex.load(path)


def load_list(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def walk_index(index):
    for row in range(len(index)):
        _path, _label = index.path(row), index.label[row]


def walk_list(rows):
    for _path, _label, _ in rows:
        pass


KINDS = {"index": (load_index, walk_index), "list": (load_list, walk_list)}


def measure(kind, path, n_workers):
    """Prints seconds to load, megabytes added by it, megabytes per worker, microseconds a row."""
    load, walk = KINDS[kind]
    before = memory("Rss")
    start = time.perf_counter()
    rows = load(path)
    seconds = time.perf_counter() - start
    added = memory("Rss") - before
    workers = [in_a_fork(walk, rows) for _ in range(n_workers)]
    private, walked = (max(values) for values in zip(*workers, strict=True))
    print(seconds, added, private, walked / len(rows) * 1e6)


def in_a_fork(walk, rows):
    """Megabytes that a forked process comes to own by going through all rows, and its seconds."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        before = memory("Private_Dirty")
        start = time.perf_counter()
        walk(rows)
        seconds = time.perf_counter() - start
        os.write(writer, f"{memory('Private_Dirty') - before} {seconds}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        private, seconds = map(float, pipe.read().split())
    os.wait()
    return private, seconds


def measure_building(n_files):
    """Prints how long indexing takes: all files, again with nothing changed, and reading it."""
    with tempfile.TemporaryDirectory() as folder:
        videos, output = Path(folder, "videos"), Path(folder, "index")
        start = time.perf_counter()
        write_small_videos(videos, n_files)
        print(f"{time.perf_counter() - start:7.2f} s  to write {n_files:,} files (not measured)")
        for what, call in (
            ("to read the folders", lambda: load_splits(videos)),
            ("to index", lambda: build_index(load_splits(videos), output)),
            ("to index again, nothing changed", lambda: build_index(load_splits(videos), output)),
            ("to read the index", lambda: load_splits(None, output)),
            (
                "to verify every frame",
                lambda: build_index(load_splits(videos), output, verify=True),
            ),
        ):
            start = time.perf_counter()
            call()
            print(f"{time.perf_counter() - start:7.2f} s  {what}")
        print((output / "report.txt").read_text()[:400])


def write_small_videos(folder, n_files, n_classes=101, n_frames=16):
    """Writes files of 64x48 in mp4, one encoded per class and the others copies of it."""
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for number in range(n_classes):
        class_folder = folder / f"class {number:03d}"
        class_folder.mkdir(parents=True)
        first = class_folder / "0.mp4"
        with av.open(str(first), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for shift in range(n_frames):
                rgb = np.roll(picture, shift * number, axis=1)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb)))
            container.mux(stream.encode(None))
        for copy in range(1, len(range(number, n_files, n_classes))):
            shutil.copyfile(first, class_folder / f"{copy}.mp4")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=650_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--files", type=int, help="build an index from this many small files")
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure, options.workers)
        return
    if options.files:
        measure_building(options.files)
        return

    labels = [f"some class with a name {label:03d}" for label in range(700)]
    with tempfile.TemporaryDirectory() as folder:
        files = {"index": Path(folder, "index.npz"), "list": Path(folder, "list.pickle")}
        rows = list(made_up_rows(options.rows))
        start = time.perf_counter()
        index = VideoIndex.from_rows(labels, rows, root="/data/kinetics")
        built = time.perf_counter()
        index.save(files["index"])
        saved = time.perf_counter()
        index.select(index.label % 2 == 0)
        selected = time.perf_counter()
        with open(files["list"], "wb") as file:
            paths = map(index.path, range(len(index)))
            pickle.dump(
                [(p, row.label, row.frame_count) for p, row in zip(paths, rows, strict=True)], file
            )
        del rows

        print(f"{options.rows:,} rows")
        print(
            f"built from rows in {built - start:.1f} s, saved in {saved - built:.1f} s, "
            f"half of it selected in {selected - saved:.1f} s\n"
        )
        print(f"{'':12}{'file':>10}{'load':>10}{'memory':>10}{'per worker':>12}{'per row':>10}")
        results = {}
        for kind, file in files.items():
            command = [sys.executable, __file__, "--measure", kind, str(file)]
            command += ["--workers", str(options.workers)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            results[kind] = seconds, added, private, each = tuple(map(float, answer.split()))
            print(
                f"{kind:12}{file.stat().st_size / 1e6:>7.0f} MB{seconds:>8.2f} s{added:>7.0f} MB"
                f"{private:>9.1f} MB{each:>7.1f} us"
            )
    seconds, added, private, _ = results["index"]
    of_list = results["list"]
    print(
        f"\nindex / list: load {seconds / of_list[0]:.2f}, memory {added / of_list[1]:.2f}, "
        f"per worker {private / of_list[2]:.3f}"
    )
    print(f"load   {seconds:5.2f} s, target under {TARGET_SECONDS} s")
    print(f"memory {added:5.0f} MB, target under {TARGET_MEGABYTES} MB")


if __name__ == "__main__":
    main()
