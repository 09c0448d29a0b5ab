"""What colours cost: a jittered clip beside reading it from a prepared copy.

    python benchmarks/augmentation.py

On one core, in turns, medians: reading a random clip of 16x112x112 from a copy that `prepare` made
(file opened, packet index known), and changing its colours, erasing a part of it.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402

from benchmarks.decoding import make  # noqa: E402
from datasets.clips.colour import ColourJitter  # noqa: E402
from datasets.clips.crops import random_resized_crop  # noqa: E402
from datasets.clips.erasing import RandomErasing  # noqa: E402
from datasets.clips.frame_choice import random_clip  # noqa: E402
from datasets.clips.worker import keep_freed_memory  # noqa: E402
from datasets.copies.training_copy import write_copy  # noqa: E402
from datasets.decoding import VideoReader  # noqa: E402
from datasets.decoding.packet_index import PacketIndex  # noqa: E402

TARGET = 0.15


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300)
    args = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    keep_freed_memory()
    generator = np.random.default_rng(0)
    jitter, erase = ColourJitter(0.4, 0.4, 0.4, 0.1, 0.2), RandomErasing(1.0)
    spent = {"reading": [], "colours": [], "erasing": []}
    with tempfile.TemporaryDirectory() as folder:
        video, copy = Path(folder, "video.mp4"), Path(folder, "copy.mp4")
        options = {"crf": "23", "preset": "medium", "sc_threshold": "0"}
        make(video, "libx264", 340, 256, 150, 12, 2, options)
        write_copy(str(video), str(copy), 128)
        index = PacketIndex.build(str(copy))
        for _ in range(args.rounds):
            times = [time.perf_counter()]
            with VideoReader(copy, index) as reader:
                crop = random_resized_crop(reader.width, reader.height, generator)
                frames = random_clip(len(reader), 16, 1, generator)
                clip = reader.read_clips(frames[None], crop)[0]
            times.append(time.perf_counter())
            clip = jitter(clip, generator)
            times.append(time.perf_counter())
            erase(clip, generator)
            times.append(time.perf_counter())
            for name, seconds in zip(spent, np.diff(times), strict=True):
                spent[name].append(seconds)
    medians = {name: statistics.median(values) * 1e3 for name, values in spent.items()}
    for name, milliseconds in medians.items():
        share = milliseconds / medians["reading"]
        target = f" (target under {TARGET})" if name == "colours" else ""
        print(f"{name:8}{milliseconds:8.3f} ms  {share:.2f} of reading{target}")


if __name__ == "__main__":
    main()
