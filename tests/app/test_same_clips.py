"""A training sees the same clips whatever loads them: workers, a resume, several processes."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from app.command_line import main
from app.training.video_model import VideoModel
from datasets.demo import write_demo_corpus
from tests.app.small_run import OPTIONS, PROJECT

BATCH, BATCHES_PER_EPOCH, EPOCHS = 8, 3, 2


def record_clips(checksums, stop_after=None):
    """``VideoModel.train_batch``, noting what it is given.

    Args:
        checksums: List that gets, per batch, the list of the checksums of its clips.
        stop_after: Number of batches after which the run gets a SIGTERM.
    """
    train_batch = VideoModel.train_batch

    def recording(model, inputs, labels=None, update=True):
        checksums.append([hashlib.md5(clip.numpy().tobytes()).hexdigest() for clip in inputs[0]])
        if len(checksums) == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return train_batch(model, inputs, labels, update)

    return recording


def arguments(corpus, run_dir, workers=0):
    changed = {"--train.epochs": EPOCHS, "--train.batch_size": BATCH, "--train.workers": workers}
    options = [word for pair in changed.items() for word in map(str, pair)]
    return ["fit", "--run_dir", str(run_dir), "--data.videos", str(corpus), *OPTIONS, *options]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_demo_corpus(tmp_path_factory.mktemp("demo"), n_train=3, n_val=1)


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory):
    checksums = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VideoModel, "train_batch", record_clips(checksums))
        assert main(arguments(corpus, tmp_path_factory.mktemp("expected") / "run")) == 0
    assert [len(batch) for batch in checksums] == [BATCH] * BATCHES_PER_EPOCH * EPOCHS
    assert len({clip for batch in checksums for clip in batch}) == BATCH * len(checksums)
    return checksums


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_number_of_workers_changes_no_clip(corpus, expected, tmp_path, monkeypatch, workers):
    checksums = []
    monkeypatch.setattr(VideoModel, "train_batch", record_clips(checksums))
    assert main(arguments(corpus, tmp_path / "run", workers)) == 0
    assert checksums == expected


@pytest.mark.parametrize("stop_after", [2, 3, 4])
def test_a_resume_changes_no_clip(corpus, expected, tmp_path, monkeypatch, stop_after):
    before, after = [], []
    with monkeypatch.context() as patch:
        patch.setattr(VideoModel, "train_batch", record_clips(before, stop_after))
        assert main(arguments(corpus, tmp_path / "run", 2)) == 128 + signal.SIGTERM
    monkeypatch.setattr(VideoModel, "train_batch", record_clips(after))
    assert main(["fit", "--run_dir", str(tmp_path / "run"), "--resume"]) == 0
    assert before + after == expected


# What each process of the launcher runs: the command line, noting the clips.
RECORDER = """
import json, os, sys
from app.command_line import main
from app.training.video_model import VideoModel
from tests.app.test_same_clips import record_clips

checksums = []
VideoModel.train_batch = record_clips(checksums)
code = main(sys.argv[2:])
path = f"{sys.argv[1]}/{os.environ['PADDLE_TRAINER_ID']}.json"
with open(path, "w") as file:
    json.dump(checksums, file)
sys.exit(code)
"""


def test_two_processes_share_the_clips_of_one(corpus, expected, tmp_path):
    """The processes of a step have, one behind the other, the global batch."""
    (tmp_path / "recorder.py").write_text(RECORDER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = f"-m paddle.distributed.launch --nproc_per_node 2 --master 127.0.0.1:{port}"
    done = subprocess.run(
        [
            *(sys.executable, *launcher.split(), "--log_dir", tmp_path / "log"),
            *(sys.executable, tmp_path / "recorder.py", tmp_path),
            *arguments(corpus, tmp_path / "run"),
        ],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shares = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    assert [first + second for first, second in zip(*shares, strict=True)] == expected
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == EPOCHS
