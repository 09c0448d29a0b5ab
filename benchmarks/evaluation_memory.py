"""Do memory, open files or shared memory of an evaluation grow with what it evaluates?

    python benchmarks/evaluation_memory.py [--minutes 2 120] [--videos 1] [--views windows:16]

Evaluates synthetic videos (64 x 48 pixels, 25 frames per second), --videos of each length, with
`python -m app evaluate` and a small network, each length in a process of its own. Prints the
largest resident memory that the process and its decoding workers reached, early on and until the
end, and what that is per frame beyond the first length; the most open files; and the most of
/dev/shm in use beyond what was before.
"""

import argparse
import contextlib
import json
import os
import shutil
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
# What is in use in the first seconds is what the libraries need.
EARLY_SECONDS = 15


def write_long_video(path, minutes):
    """Write a video of so many minutes, 64 x 48 pixels."""
    coarse = np.random.default_rng(0).integers(0, 256, (MINUTE, 6, 8, 3), dtype=np.uint8)
    pictures = (
        coarse[number % MINUTE].repeat(8, 0).repeat(8, 1) for number in range(minutes * MINUTE)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, codec="mpeg4", b_frames=0, pictures=pictures)


def write_network(path):
    """A small network with two classes."""
    options = {"depth": 10, "widen_factor": 0.1, "conv1_t_size": 3, "n_classes": 2}
    description = NetworkDescription("r3d", options, ("a", "b"), InputContract(size=48, frames=16))
    save_network(description.build(), description, path)


class Usage:
    """The most that a process and those it started were seen to use.

    Attributes:
        early, megabytes: Resident memory in the first seconds, and in all.
        files: Open files of the process itself.
        shared: Megabytes of /dev/shm beyond what was in use before.
    """

    def __init__(self):
        self.early = self.megabytes = self.shared = 0.0
        self.files = 0
        self._began = time.perf_counter()
        self._shared_before = _shared_megabytes()

    def look(self, pid):
        """Look at the process now."""
        megabytes = sum(map(_proportional_megabytes, _family(pid)))
        self.megabytes = max(self.megabytes, megabytes)
        if time.perf_counter() - self._began < EARLY_SECONDS:
            self.early = self.megabytes
        with contextlib.suppress(OSError):
            self.files = max(self.files, len(os.listdir(f"/proc/{pid}/fd")))
        self.shared = max(self.shared, _shared_megabytes() - self._shared_before)


def evaluate(network, videos, views, output):
    """Evaluate in a process of its own: `(usage, report)`."""
    command = [sys.executable, "-m", "app", "evaluate", str(network), "--videos", str(videos)]
    command += ["--split", "val", "--views", views, "--output", str(output)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL)
    usage = Usage()
    while process.poll() is None:
        usage.look(process.pid)
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"evaluate ended with exit code {process.returncode}")
    (report,) = (p for p in output.glob("*.json") if not p.name.endswith(".predictions.json"))
    return usage, json.loads(report.read_text(encoding="utf-8"))


def _family(pid):
    """A process and those it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [pid, *(p for child in children.read_text().split() for p in _family(int(child)))]
    except OSError:
        return []


def _proportional_megabytes(pid):
    """Resident memory; what several processes share is divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def _shared_megabytes():
    return shutil.disk_usage("/dev/shm").used / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, nargs="+", default=[2, 120])
    parser.add_argument("--videos", type=int, default=1)
    parser.add_argument("--views", default="windows:16")
    options = parser.parse_args()
    first = None
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_network(folder / "network.pdparams")
        for minutes in options.minutes:
            videos = folder / f"videos-{minutes}"
            write_long_video(videos / "train" / "b" / "video.avi", 1)
            write_long_video(videos / "val" / "a" / "0.avi", minutes)
            for number in range(1, options.videos):
                shutil.copy(videos / "val/a/0.avi", videos / "val/a" / f"{number}.avi")
            began = time.perf_counter()
            output = folder / f"evaluation-{minutes}"
            usage, report = evaluate(folder / "network.pdparams", videos, options.views, output)
            seconds = time.perf_counter() - began
            frames = minutes * MINUTE
            line = (
                f"{options.videos} x {minutes} minutes: "
                f"{report['clips']} clips in {seconds:.0f} s, "
                f"at most {usage.early:.0f} MB early and {usage.megabytes:.0f} MB in all, "
                f"{usage.files} open files, {max(0.0, usage.shared):.1f} MB of /dev/shm"
            )
            if first:
                growth = (usage.megabytes - first[0]) * 2**20 / max(1, frames - first[1])
                line += f"; {growth:.0f} bytes per frame"
            first = first or (usage.megabytes, frames)
            print(line, flush=True)


if __name__ == "__main__":
    main()
