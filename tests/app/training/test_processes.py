"""Two processes that train together, on the CPU."""

import json
import os
import signal
import subprocess
import sys

import pytest

from app.checkpoints import newest_first
from app.command_line import main
from tests.app.several import errors, launch, wait_for
from tests.app.small_run import OPTIONS, command, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), n_train=2, n_val=1)


def processes_of(launcher):
    """Process ids of the two, by rank."""
    found = subprocess.run(["pgrep", "-P", str(launcher.pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


@pytest.mark.parametrize("gone", [0, 1])
def test_a_process_that_is_killed_ends_the_others_in_one_line_and_the_run_resumes(
    corpus, tmp_path, gone, capfd
):
    run_dir = tmp_path / "run"
    arguments = ["--run_dir", run_dir, "--data.videos", corpus, *OPTIONS, "--train.epochs", "999"]
    launcher, logs = launch(tmp_path, command("fit", *arguments))
    try:
        wait_for((run_dir / "checkpoints/epoch-0002").exists, launcher)
        os.kill(processes_of(launcher)[gone], signal.SIGKILL)
        assert launcher.wait(timeout=60) != 0
    finally:
        launcher.terminate()
        launcher.wait()
    (line,) = errors((logs / f"workerlog.{1 - gone}").read_text())
    # Where it was gone in the middle of an exchange, nobody can tell which one it was.
    assert f"process {gone} of 2 has ended; its log" in line or "a process of this" in line
    assert "--resume" in line
    assert "Traceback" not in (logs / f"workerlog.{1 - gone}").read_text()
    assert "BatchNorm sees 2 clips per step in each" in (logs / "workerlog.0").read_text()
    epochs = int(newest_first(run_dir / "checkpoints")[0].split("-")[1]) + 1
    assert main(["fit", "--run_dir", str(run_dir), "--resume", "--train.epochs", str(epochs)]) == 0
    assert "1 process now, 2 before" in capfd.readouterr().out
    records = [json.loads(line) for line in (run_dir / "metrics.jsonl").open()]
    assert [record["epoch"] for record in records] == list(range(1, epochs + 1))


SLOW = """
import sys, time
import paddle.distributed as dist
from app.command_line import main
from app.training.video_model import VideoModel

train_batch = VideoModel.train_batch
pauses = {4: 40, 8: 70}

def slowly(self, *arguments, **options):
    if dist.get_rank() == 1:
        time.sleep(pauses.get(self.position.step, 0))
    return train_batch(self, *arguments, **options)

VideoModel.train_batch = slowly
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_process_that_falls_behind_is_waited_for_as_long_as_the_option_says(corpus, tmp_path):
    """Paddle's transport for the CPU gives up after 30 s."""
    (tmp_path / "slow.py").write_text(SLOW)
    run_dir = tmp_path / "run"
    options = [*OPTIONS, "--train.epochs", "999", "--train.process_timeout", "50"]
    words = ["fit", "--run_dir", run_dir, "--data.videos", corpus, *options]
    launcher, logs = launch(tmp_path, [sys.executable, tmp_path / "slow.py", *words])
    try:
        assert launcher.wait(timeout=200) != 0
    finally:
        launcher.terminate()
        launcher.wait()
    (line,) = errors((logs / "workerlog.0").read_text())
    assert "process 1 of 2 has not come along for 50 s (--train.process_timeout)" in line
    # Six clips in batches of four: the first wait was in the third epoch, the second in the fifth.
    assert newest_first(run_dir / "checkpoints")[0] == "epoch-0004"
