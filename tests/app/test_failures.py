import json

import pytest

from app.failures import FailureLog, TooManyFailuresError, failure_limit
from datasets.clips.sample import Failure


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


@pytest.mark.parametrize(
    ("max_failures", "limit"), [(0, 0), (7, 7), (0.05, 5), (1.0, 119), (0.0, 0), (1, 1)]
)
def test_a_whole_number_counts_and_a_share_is_one(max_failures, limit):
    assert failure_limit(max_failures, 119) == limit
