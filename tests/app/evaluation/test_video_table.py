from types import SimpleNamespace

import numpy as np
import pytest

from app.errors import UserError
from app.evaluation.video_table import read_table, table_text, video_rows

LABELS = ("跑步", 'a "quoted", one', "<b>🏃</b>")


@pytest.fixture
def rows():
    evaluation = SimpleNamespace(
        rows=np.array([0, 2]),
        scores=np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]], np.float32),
    )
    paths = ["a/x.mp4", "b/broken.avi", "b/y\n.mp4"]
    failed = {"b/broken.avi": "no video stream in the file"}
    return video_rows(paths, np.array([0, 1, 1]), evaluation, LABELS, failed, top_k=2)


def test_every_video_has_its_row(rows):
    assert [(row.predicted, row.right) for row in rows] == [
        (LABELS[0], True),
        ("", False),
        (LABELS[0], False),
    ]
    assert rows[1].reason == "no video stream in the file"
    assert [round(score, 3) for _, score in rows[2].top] == [0.5, 0.3]


def test_names_survive_the_file(rows, tmp_path):
    path = tmp_path / "videos.csv"
    path.write_text(table_text(rows), encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("path,true,predicted,right,reason,class_1")
    again = read_table(path)
    assert [(r.path, r.true, r.predicted, r.right, r.reason) for r in again] == [
        (r.path, r.true, r.predicted, r.right, r.reason) for r in rows
    ]
    assert again[0].score == pytest.approx(0.7)


@pytest.mark.parametrize(
    "content",
    ["", "a,b\n1,2\n", "path,true,predicted,right,reason,class_1,score_1\na,b,c,1,,c,x\n"],
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "videos.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=r"videos\.csv"):
        read_table(path)
