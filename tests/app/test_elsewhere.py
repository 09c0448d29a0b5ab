"""What the project does on systems that lack what only Linux has."""

import ctypes
import os
import subprocess
import sys

import pytest

from app.data import worker_count
from datasets.clips.worker import can_work_apart
from tests.app.small_run import OPTIONS, PROJECT, write_corpus

LINE = "videos are decoded in the main process: worker processes need Linux\n"
# Runs command lines, one per line, in a process without Linux's own functions.
HIDDEN = """
import os, sys
for name in ("sched_getaffinity", "sched_setaffinity", "fork", "forkpty"):
    delattr(os, name)
sys.modules["fcntl"] = None
import app.command_line
if __name__ == "__main__":
    for line in sys.argv[1:]:
        code = app.command_line.main(line.split())
        if code:
            sys.exit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they are absent anyway")
def test_worker_processes_need_all_of_linux(monkeypatch):
    assert can_work_apart()
    for target, name, value in (
        (os, "fork", None),
        (ctypes, "CDLL", lambda name: object()),
        (sys, "platform", "darwin"),
        (sys, "platform", "win32"),
    ):
        with monkeypatch.context() as patch:
            if value is None:
                patch.delattr(target, name)
            else:
                patch.setattr(target, name, value)
            assert not can_work_apart(), name
            assert worker_count(None) == worker_count(4) == worker_count(0) == 0


def test_training_evaluation_and_preparation_work_without_them(tmp_path):
    script = tmp_path / "hidden.py"
    script.write_text(HIDDEN)
    videos, run = write_corpus(tmp_path / "videos", 2, 1), tmp_path / "run"
    options = " ".join(OPTIONS).replace("--train.workers 0", "--train.workers 2")
    lines = [
        f"index {videos} --output {tmp_path}/index --workers 1",
        f"prepare {videos} --output {tmp_path}/copies --workers 1",
        f"fit --data.videos {videos} --run_dir {run} {options} --train.epochs 1",
        f"evaluate {run} --engine dynamic --device cpu",
        f"predict {run} {videos}/val/walk/0.mp4 --engine dynamic --device cpu",
    ]
    done = subprocess.run(
        [sys.executable, script, *lines],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(LINE) == 1
    assert (run / "evaluation" / "val.json").is_file()
