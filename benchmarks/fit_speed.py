"""What of a training step's speed `fit` keeps, and how to share the cores with the decoding.

    python -m benchmarks.fit_speed                   # R3D-18 on synthetic originals
    python -m benchmarks.fit_speed --precision bf16
    python -m benchmarks.fit_speed --demo            # the demo, on all numbers of threads

`fit` trains from files to updates with so many computing threads and decoding workers; what it says
of its own speed in the epochs after the first is compared with bare steps of `benchmarks.training`
on as many threads as there are cores, taken before and after each run on clips that lie in memory.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.contender import Contender
from benchmarks.loader import write_videos
from benchmarks.training import CLIPS, ONEDNN, ONEDNN_BF16
from datasets.cores import available_cores

DEPTH = 18
STEPS = 6


def fit(run, threads, workers, options):
    """Clips per second in each epoch after the first, and the share of them spent waiting."""
    options = {
        "run_dir": run,
        "train.threads": threads,
        "train.workers": workers,
        "train.device": "cpu",
        "checkpoint.every_epochs": 100,
        **options,
    }
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    subprocess.run(
        [sys.executable, "-m", "app", "fit", *words], check=True, stdout=subprocess.DEVNULL
    )
    lines = Path(run, "metrics.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    epochs = [json.loads(line) for line in lines]
    rates = [epoch["clips_per_second"] for epoch in epochs]
    return rates, statistics.median(epoch["data_wait"] for epoch in epochs)


class BareSteps:
    """R3D-18's steps without files."""

    def __init__(self, precision, threads):
        name = {"fp32": ONEDNN, "bf16": ONEDNN_BF16}[precision]
        self._contender = Contender(
            ["benchmarks.training", DEPTH, "--serve", name, "--threads", threads], threads
        )
        if self._contender.refusal:
            sys.exit(self._contender.refusal)
        self.rates()

    def rates(self):
        """Clips per second of some steps."""
        steps = [self._contender.step() for _ in range(STEPS)]
        return [CLIPS[DEPTH] / ms * 1e3 for (ms,) in steps]

    def close(self):
        self._contender.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demo", action="store_true", help="train on the demo instead")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--videos", type=int, default=64, help="number of videos")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    cores = available_cores()
    options = {"train.epochs": args.epochs, "train.precision": args.precision}
    bare = None
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if not args.demo:
            Path(folder, "videos").mkdir()
            write_videos(folder / "videos", args.videos)
            bare = BareSteps(args.precision, cores)
            options |= {
                "data.videos": folder / "videos",
                "model.depth": DEPTH,
                "train.batch_size": CLIPS[DEPTH],
                "optim.lr": 0.001,
            }
        pairs = list(itertools.product(range(1, cores + 1), range(cores + 1)))
        found = {pair: ([], [], []) for pair in pairs}
        for number, (threads, workers) in itertools.product(range(args.rounds), pairs):
            run = folder / f"run-{number}-{threads}-{workers}"
            rates, waits, bares = found[threads, workers]
            if bare:
                bares += bare.rates()
            time.sleep(1)
            measured, wait = fit(run, threads, workers, options)
            rates += measured
            waits.append(wait)
            if bare:
                bares += bare.rates()
        if bare:
            bare.close()
    print(f"{cores} cores, {args.precision}, clips per second")
    for (threads, workers), (rates, waits, bares) in found.items():
        rate = statistics.median(rates)
        line = f"threads {threads}, workers {workers}: fit {rate:.1f} ({min(rates):.1f} to "
        line += f"{max(rates):.1f}), {statistics.median(waits):.0%} of the time waiting"
        if bare:
            limit = statistics.median(bares)
            line += f"; bare step {limit:.1f}, ratio {rate / limit:.2f} (target 0.85)"
        print(line)


if __name__ == "__main__":
    main()
