"""Does the memory of an evaluation grow with the length of a video?

    python benchmarks/evaluation_memory.py [--minutes 2 120]

Evaluates one synthetic video of each length (small pictures, 25 frames per second, a window every
16 frames) with `python -m app evaluate`, each in a process of its own, and prints the largest
resident memory that the process and its decoding workers reached.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from tests.videos import write_video  # noqa: E402
from weights.description import InputContract, NetworkDescription  # noqa: E402
from weights.files import save_network  # noqa: E402

# A minute of pictures, repeated: drawing two hours of them would take longer than the evaluation.
MINUTE = 1500


def write_long_video(path, minutes):
    """Write a video of so many minutes, 64 x 48 pixels."""
    coarse = np.random.default_rng(0).integers(0, 256, (MINUTE, 6, 8, 3), dtype=np.uint8)
    pictures = (
        coarse[number % MINUTE].repeat(8, 0).repeat(8, 1) for number in range(minutes * MINUTE)
    )
    write_video(path, codec="mpeg4", b_frames=0, pictures=pictures)


def write_network(path):
    """A small network with three classes."""
    options = {"depth": 10, "widen_factor": 0.1, "conv1_t_size": 3, "n_classes": 3}
    description = NetworkDescription(
        "r3d", options, ("a", "b", "c"), InputContract(size=48, frames=16)
    )
    save_network(description.build(), description, path)


def evaluate(network, videos, output):
    """Evaluate in a process of its own: ``(peak megabytes, report)``."""
    command = [sys.executable, "-m", "app", "evaluate", str(network), "--videos", str(videos)]
    command += ["--views", "windows:16", "--output", str(output)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(proportional_megabytes, family(process.pid))))
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"evaluate ended with exit code {process.returncode}")
    return peak, json.loads((output / "val-windows16.json").read_text())


def family(pid):
    """A process and those it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [pid, *(p for child in children.read_text().split() for p in family(int(child)))]
    except OSError:
        return []


def proportional_megabytes(pid):
    """Resident memory; what several processes share is divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, nargs="+", default=[2, 120])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_network(folder / "network.pdparams")
        for minutes in options.minutes:
            videos = folder / f"videos-{minutes}"
            for split, label in (("train", "a"), ("val", "a"), ("train", "b"), ("val", "b")):
                path = videos / split / label / "video.avi"
                path.parent.mkdir(parents=True)
                write_long_video(path, minutes if (split, label) == ("val", "a") else 1)
            began = time.perf_counter()
            output = folder / f"evaluation-{minutes}"
            peak, report = evaluate(folder / "network.pdparams", videos, output)
            seconds = time.perf_counter() - began
            print(
                f"{minutes:4} minutes: {report['clips']:6} windows in {seconds:5.0f} s, "
                f"at most {peak:5.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
