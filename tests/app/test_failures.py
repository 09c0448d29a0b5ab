import json
import os
import socket
import subprocess
import sys

import pytest

from app.failures import FailureLog, TooManyFailuresError, failure_limit
from datasets.clips.sample import Failure
from tests.app.small_run import OPTIONS, PROJECT, command, write_corpus


def test_a_video_is_named_once(tmp_path, capsys):
    log = FailureLog(tmp_path / "failures.jsonl")
    for _ in range(3):
        log.record(Failure(0, "a.mp4", "empty"))
    assert capsys.readouterr().err.count("a.mp4") == 1
    (line,) = (tmp_path / "failures.jsonl").read_text().splitlines()
    assert json.loads(line) == {"path": "a.mp4", "reason": "empty"}


def test_what_failed_before_a_resume_counts(tmp_path):
    FailureLog(tmp_path / "failures.jsonl").record(Failure(0, "a.mp4", "empty"))
    with (tmp_path / "failures.jsonl").open("a") as file:
        file.write('{"path": "half')
    log = FailureLog(tmp_path / "failures.jsonl", limit=1)
    log.record(Failure(0, "a.mp4", "empty"))
    with pytest.raises(TooManyFailuresError, match="2 videos"):
        log.record(Failure(1, "b.mp4", "empty"))


def test_half_a_line_does_not_swallow_the_next_one(tmp_path):
    (tmp_path / "failures.jsonl").write_text('{"path": "half')
    FailureLog(tmp_path / "failures.jsonl").record(Failure(0, "a.mp4", "empty"))
    assert FailureLog(tmp_path / "failures.jsonl").failed == {"a.mp4": "empty"}


def test_what_another_process_met_is_named_and_counts(tmp_path, capsys):
    ours = FailureLog(tmp_path / "failures.jsonl", limit=1)
    theirs = FailureLog(tmp_path / "failures.jsonl")
    theirs.record(Failure(0, "a.mp4", "empty"))
    capsys.readouterr()
    ours.update()
    ours.update()
    assert capsys.readouterr().err == "cannot read a.mp4: empty\n"
    ours.record(Failure(0, "a.mp4", "empty"))
    assert len((tmp_path / "failures.jsonl").read_text().splitlines()) == 1
    theirs.record(Failure(1, "b.mp4", "empty"))
    with pytest.raises(TooManyFailuresError, match="2 videos could not be read"):
        ours.update()


def test_a_name_cannot_write_on_the_terminal(tmp_path, capsys):
    log = FailureLog(tmp_path / "failures.jsonl")
    log.record(Failure(0, "\x1b[2Jbad\udcff.mp4", "empty"))
    assert capsys.readouterr().err == "cannot read \\x1b[2Jbad\\xff.mp4: empty\n"
    assert FailureLog(log.path).failed == {"\x1b[2Jbad\udcff.mp4": "empty"}


@pytest.mark.parametrize(
    ("max_failures", "limit"), [(0, 0), (7, 7), (0.05, 5), (1.0, 119), (0.0, 0), (1, 1)]
)
def test_a_whole_number_counts_and_a_share_is_one(max_failures, limit):
    assert failure_limit(max_failures, 119) == limit


@pytest.mark.slow
def test_a_video_that_only_the_second_process_met_is_named(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", n_train=2, n_val=2)
    # Validation videos go to the processes in turns: jump/0, jump/1, run/0, ...
    (corpus / "val" / "jump" / "1.mp4").write_bytes(b"no video")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = f"-m paddle.distributed.launch --nproc_per_node 2 --master 127.0.0.1:{port}"
    words = f"--run_dir {tmp_path}/run --data.videos {corpus} --data.max_failures 3"
    done = subprocess.run(
        [
            *(sys.executable, *launcher.split(), "--log_dir", tmp_path / "log"),
            *(*command("fit"), *OPTIONS, *words.split(), "--train.epochs", "1"),
        ],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = ((tmp_path / "log" / f"workerlog.{n}").read_text() for n in (0, 1))
    assert "cannot read" in second, "the video is not one of the second process"
    assert first.count("cannot read") == 1 and "val/jump/1.mp4" in first
    assert "1 video could not be read" in first
