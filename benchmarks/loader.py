"""What the loader costs: clips per second through it, beside a plain loop over the same dataset.

    python benchmarks/loader.py                    # on synthetic videos
    python benchmarks/loader.py --videos FOLDER    # on class folders of real ones

The plain loop reads the clips of an epoch on one pinned core, without batches, processes or
Paddle; the loader gives batches of tensors. They take turns, and every number is a median over
the rounds. Beside clips per second (which other processes on the machine disturb) stands the
time of all cores that one clip takes (which they hardly do). "loss" is the share of the plain
loop's speed that one worker loses, by the clock and by the time of cores; "scaling" is the speed
of N workers over N times that of one.
"""

import argparse
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.decoding import make  # noqa: E402
from datasets.annotations.formats import load_splits  # noqa: E402
from datasets.clips.clip_shape import ClipShape  # noqa: E402
from datasets.clips.loader import ClipLoader  # noqa: E402
from datasets.clips.training import Augmentation, TrainingClips  # noqa: E402
from datasets.clips.video_order import TrainingSampler  # noqa: E402
from datasets.copies.preparing import prepare_copies  # noqa: E402
from datasets.cores import available_cores  # noqa: E402
from datasets.decoding.packet_index_store import PacketIndexStore  # noqa: E402

BATCH_SIZE = 16
TARGET_LOSS = 0.15


def write_videos(folder, n_videos):
    """Class folders of one synthetic video, 340x256 in h264, many times over."""
    first = Path(folder, "a", "0.mp4")
    for name in ("a", "b"):
        Path(folder, name).mkdir()
    options = {"crf": "23", "preset": "medium", "sc_threshold": "0"}
    make(first, "libx264", 340, 256, 150, 12, 2, options)
    for number in range(1, n_videos):
        shutil.copyfile(first, Path(folder, "ab"[number % 2], f"{number}.mp4"))


@contextmanager
def sources(videos=None):
    """Videos and prepared copies of them, in a folder that is gone afterwards.

    Args:
        videos: Class folders of real videos, or None for synthetic ones.

    Yields:
        The folder, and `{"originals": path, "prepared copies": path}`.
    """
    with tempfile.TemporaryDirectory() as folder:
        originals = videos or Path(folder, "videos")
        if videos is None:
            originals.mkdir()
            write_videos(originals, 40)
        prepared = Path(folder, "prepared")
        prepare_copies(load_splits(originals), prepared)
        yield Path(folder), {"originals": originals, "prepared copies": prepared}


def clips_of(videos, cache, n_clips):
    """The dataset, and a sampler of one epoch of this many clips."""
    splits = load_splits(videos)
    index = splits["train"].select([row % len(splits["train"]) for row in range(n_clips)])
    clips = TrainingClips(
        index, ClipShape(16, 1, 112), Augmentation(), 0, 1, PacketIndexStore(cache)
    )
    return clips, TrainingSampler(n_clips, BATCH_SIZE, 0)


def cpu_seconds():
    """Of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure_plain(clips, sampler):
    """Clips per second, and seconds of all cores per clip."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    cpu, began = cpu_seconds(), time.perf_counter()
    n_clips = sum(len(clips[request].clips) for batch in sampler for request in batch)
    seconds = time.perf_counter() - began
    os.sched_setaffinity(0, cores)
    return n_clips / seconds, (cpu_seconds() - cpu) / n_clips


def measure_loader(clips, sampler, workers):
    """The same through the loader; starting the workers does not count as clips' time."""
    cpu = cpu_seconds()
    loader = ClipLoader(clips, sampler, workers, on_failure=sys.exit)
    sizes, arrivals = [], [time.perf_counter()]
    for batch in loader:
        sizes.append(batch[0].shape[0])
        arrivals.append(time.perf_counter())
    if workers == 0:
        return sum(sizes) / (arrivals[-1] - arrivals[0]), (cpu_seconds() - cpu) / sum(sizes)
    del loader
    # When the first batch arrives, each worker has about done its first.
    rate = sum(sizes[workers:]) / (arrivals[-1] - arrivals[1])
    return rate, (cpu_seconds() - cpu) / sum(sizes)


def table(title, clips, sampler, worker_counts, rounds):
    ways = {"plain loop": lambda: measure_plain(clips, sampler)}
    for workers in worker_counts:
        ways[_workers(workers)] = lambda n=workers: measure_loader(clips, sampler, n)
    measure_plain(clips, sampler)  # Packet indexes are built, files come into memory.
    found = {name: [] for name in ways}
    for _ in range(rounds):
        for name, measure in ways.items():
            found[name].append(measure())
    rate = {name: statistics.median(r for r, _ in values) for name, values in found.items()}
    cpu = {name: statistics.median(c for _, c in values) for name, values in found.items()}
    print(f"\n{title}\n{'':12}{'clips/s':>9}{'/ plain':>9}{'core ms/clip':>14}{'/ plain':>9}")
    for name in ways:
        print(
            f"{name:12}{rate[name]:9.1f}{rate[name] / rate['plain loop']:9.2f}"
            f"{cpu[name] * 1e3:14.2f}{cpu[name] / cpu['plain loop']:9.2f}"
        )
    lost = 1 - rate[_workers(1)] / rate["plain loop"], 1 - cpu["plain loop"] / cpu[_workers(1)]
    print(f"loss {lost[0]:.2f}, of core time {lost[1]:.2f} (target under {TARGET_LOSS})")
    for workers in worker_counts:
        if workers > 1:
            scaling = rate[_workers(workers)] / rate[_workers(1)] / workers
            print(f"scaling to {workers} workers {scaling:.2f}")


def _workers(number):
    return "1 worker" if number == 1 else f"{number} workers"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, help="class folders of real videos")
    parser.add_argument("--clips", type=int, default=480, help="clips per measurement")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    n_cores = available_cores()
    worker_counts = [0, *(n for n in (1, 2, 4, 8, 16, 32, 64) if n <= n_cores)]
    with sources(args.videos) as (folder, found):
        print(f"{n_cores} cores, batches of {BATCH_SIZE}, {args.rounds} rounds")
        for title, source in found.items():
            clips, sampler = clips_of(source, folder / "packet_indexes", args.clips)
            table(title, clips, sampler, worker_counts, args.rounds)


if __name__ == "__main__":
    main()
