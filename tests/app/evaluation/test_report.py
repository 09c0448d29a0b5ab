from pathlib import Path

import numpy as np
import pytest

from app.evaluation.report import EvaluationReport, ReportFiles
from app.evaluation.scores import VideoScores


def make_report(folder, n_classes=6, network="epoch-0001", failed=()):
    """A report on as many videos as classes, all right, but those that failed."""
    classes = np.arange(n_classes)
    scores = VideoScores(classes, n_classes)
    for row in classes.tolist():
        if row not in failed:
            scores.add(np.array([row]), 9 * np.eye(n_classes, dtype=np.float32)[[row]])
            scores.finish([row])
    return EvaluationReport(
        files=ReportFiles(Path(folder), "val"),
        network=network,
        engine="eager on cpu",
        split="val",
        source=None,
        views="even:1",
        labels=tuple(f"class {number}" for number in classes),
        true_classes=classes,
        paths=[f"{number}.mp4" for number in classes],
        video_ids=[f"{number}.mp4" for number in classes],
        evaluation=scores.summary(),
        failed={f"{row}.mp4": "empty" for row in failed},
    )


@pytest.mark.parametrize(("n_classes", "is_shown"), [(5, False), (6, True)])
def test_the_five_best_are_shown_where_there_are_more_classes(tmp_path, n_classes, is_shown):
    text = str(make_report(tmp_path, n_classes))
    assert ("top-5 1.0000" in text) == is_shown
    assert "video  top-1 1.0000" in text


def test_one_is_counted_as_one(tmp_path):
    assert "6 videos, 5 clips" in str(make_report(tmp_path, failed=[0]))
    assert "1 video could not be read and counts as wrong" in str(make_report(tmp_path, failed=[0]))
    assert "2 videos could not be read and count as" in str(make_report(tmp_path, failed=[0, 3]))


def test_names_cannot_write_on_the_terminal(tmp_path):
    assert "\x1b" not in str(make_report(tmp_path / "\x1b[2J", network="\x1b[2J.pdparams"))
