import json
import re

import pytest

from app.configuration import ReportConfig
from app.evaluation.video_table import VideoRow, table_text
from app.report import report
from app.reporting.explaining import Explaining
from app.reporting.run_record import EvaluationRecord, read_run
from tests.app.trained import LABELS, write_run
from tests.videos import write_video


@pytest.fixture
def run(tmp_path):
    """A run with an evaluation that took a walk for a run, and a video that has gone."""
    folder = write_run(tmp_path / "run")
    video = write_video(tmp_path / "walk.mp4", frames=20)
    (folder / "evaluation").mkdir()
    rows = [VideoRow(str(video), LABELS[0], ((LABELS[1], 0.75), (LABELS[0], 0.25)))]
    rows.append(VideoRow(str(tmp_path / "gone.mp4"), LABELS[0], ((LABELS[1], 0.5),)))
    numbers = {"video_top1": 0.0, "clip_top1": 0.0, "videos": 2, "clips": 6}
    record = {"checkpoint": "epoch-0001", "engine": "eager", "views": "even:3", **numbers}
    (folder / "evaluation" / "val.json").write_text(json.dumps(record))
    (folder / "evaluation" / "val.videos.csv").write_text(table_text(rows))
    return folder


def test_wrong_videos_are_explained_when_asked_for(run):
    counts = []
    for explain in (False, True):
        page = report(ReportConfig([str(run)], explain=explain)).path.read_text(encoding="utf-8")
        strips = re.findall(r'<img src="data:image/webp;base64,[^"]+" alt="Grad-CAM"', page)
        assert all(len(strip) < 10_000 for strip in strips)
        counts.append(len(strips))
    assert counts == [0, 1]


def test_a_checkpoint_that_has_gone_is_named_once(run, capsys):
    (evaluation,) = read_run(run).evaluations
    gone = EvaluationRecord("val", evaluation.report | {"checkpoint": "epoch-0009"}, [])
    explaining = Explaining()
    for video in evaluation.videos:
        assert explaining.strip_uri(read_run(run), gone, video) is None
    assert capsys.readouterr().err.count("no Grad-CAM of epoch-0009") == 1
