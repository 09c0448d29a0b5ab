"""How fast clips come and how fast they are trained on, with one and with two processes.

    python -m benchmarks.scaling                    # on synthetic videos
    python -m benchmarks.scaling --videos FOLDER    # on class folders of real ones

The loader alone gives the clips per second that one core decodes, from originals and from prepared
copies; how many cores feed one GPU, or 64, is arithmetic from there (docs/benchmarks.md). `fit`
trains R3D-18 on the processor, with one process and with two that share its cores, on as many clips
per step: what it says of its own speed, from the last of its epochs.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.loader import clips_of, measure_loader, sources
from datasets.cores import available_cores

EPOCHS = 3
BATCH_SIZE = 8


def fit(videos, run, processes):
    """Clips per second of all processes together, and the share of the time waiting for clips."""
    launcher = ["-m", "paddle.distributed.launch", "--nproc_per_node", str(processes)]
    launcher += ["--log_dir", f"{run}-log", sys.executable]
    words = [sys.executable, *(launcher if processes > 1 else []), "-m", "app", "fit"]
    options = {
        "run_dir": run,
        "data.videos": videos,
        "model.depth": 18,
        "train.epochs": EPOCHS,
        "train.batch_size": BATCH_SIZE,
        "train.device": "cpu",
        "optim.lr": 0.001,
    }
    words += [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    *_, last = Path(run, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(last)
    return last["clips_per_second"], last["data_wait"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, help="class folders of real videos")
    parser.add_argument("--clips", type=int, default=480, help="clips per measurement")
    args = parser.parse_args()
    cores = available_cores()
    with sources(args.videos) as (folder, found):
        print(f"{cores} cores; clips of 16x112x112 per second")
        for title, source in found.items():
            clips, sampler = clips_of(source, folder / "packet_indexes", args.clips)
            measure_loader(clips, sampler, 1)  # Packet indexes are built, files come into memory.
            rates = [measure_loader(clips, sampler, workers)[0] for workers in (1, cores)]
            print(f"loader, {title}: {rates[0]:.1f} by 1 worker, {rates[1]:.1f} by {cores}")
        for processes in (1, 2):
            rate, waiting = fit(found["prepared copies"], folder / f"run-{processes}", processes)
            print(
                f"fit, R3D-18, {BATCH_SIZE} clips per step, processes: {processes}: {rate:.2f}, "
                f"{waiting:.0%} of the time waiting for clips"
            )


if __name__ == "__main__":
    main()
