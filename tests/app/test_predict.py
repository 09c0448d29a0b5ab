import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from app.configuration import PredictConfig
from app.errors import UserError
from app.inference.open_engine import open_engine
from app.predict import predict
from app.prediction.windows import open_windows
from datasets.clips.frame_choice import sliding_windows
from datasets.decoding.video_reader import VideoReader
from tests.app.small_run import run
from tests.app.trained import CONTRACT, LABELS, write_run
from tests.videos import write_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run, and videos one of which is none."""
    folder = tmp_path_factory.mktemp("predict")
    write_run(folder / "run")
    (folder / "videos").mkdir()
    write_video(folder / "videos" / "a.mp4", frames=30, seed=1)
    write_video(folder / "videos" / "b.avi", codec="mpeg4", frames=12, seed=2)
    (folder / "broken.mp4").write_bytes(b"no video at all")
    return folder


def predict_on_cpu(folder, *sources, **options):
    return predict(PredictConfig(str(folder / "run"), list(map(str, sources)), **options))


def expected_windows(folder, path):
    """First frames and scores, computed by the eager engine on clips read by number."""
    with VideoReader(path) as reader:
        span = CONTRACT.frames * CONTRACT.stride
        windows = sliding_windows(len(reader), CONTRACT.frames, CONTRACT.stride, span)
        clips = reader.read_clips(windows, size=CONTRACT.size)
    engine = open_engine(folder / "run", device="cpu", kind="dynamic")
    return np.asarray(windows)[:, 0].tolist(), engine.scores(clips)


def test_a_video_has_the_mean_of_the_scores_of_its_windows(folder):
    path = folder / "videos" / "a.mp4"
    (prediction,) = predict_on_cpu(folder, path, batch_size=3).predictions
    starts, scores = expected_windows(folder, path)
    assert prediction.starts == starts
    np.testing.assert_allclose(prediction.scores, scores.mean(axis=0), atol=1e-5)
    best = int(scores.mean(axis=0).argmax())
    assert prediction.top(1) == [(LABELS[best], pytest.approx(scores.mean(axis=0)[best], abs=1e-5))]


def test_json_has_the_form_of_a_result_file(folder):
    report = predict_on_cpu(folder, folder / "videos", format="json", top_k=2, timeline=True,
                            output=str(folder / "pictures"))  # fmt: skip
    content = json.loads(str(report))
    assert [Path(entry["source"]).name for entry in content["results"]] == ["a.mp4", "b.avi"]
    first = content["results"][0]
    assert (first["frames"], first["fps"], first["windows"]) == (30, 25.0, 4)
    assert len(first["result"]) == 2 and set(first["result"][0]) == {"label", "score"}
    assert first["timeline"][0]["segment"][0] == 0 and first["timeline"][-1]["segment"][1] == 30
    assert first["timeline"][-1]["seconds"][1] == pytest.approx(1.2)
    assert sorted(os.listdir(folder / "pictures")) == ["a.timeline.png", "b.timeline.png"]


def test_csv_has_a_row_per_class(folder):
    report = predict_on_cpu(folder, folder / "videos", format="csv", top_k=3)
    rows = list(csv.DictReader(io.StringIO(str(report))))
    assert [row["rank"] for row in rows] == ["1", "2", "3"] * 2
    assert sum(float(row["score"]) for row in rows[:3]) <= 1


def test_a_bad_file_is_named_and_the_others_go_on(folder, capsys):
    missing = folder / "nothing.mp4"
    report = predict_on_cpu(folder, folder / "broken.mp4", missing, folder / "videos" / "a.mp4")
    assert report.exit_code == 1
    assert len(report.predictions) == 1
    assert set(report.failed) == {str(folder / "broken.mp4"), str(missing)}
    errors = capsys.readouterr().err
    assert f"{folder / 'broken.mp4'}: Invalid data" in errors
    assert f"{missing}: there is no such file" in errors


def test_the_exit_code_is_2_when_nothing_could_be_done(folder):
    assert predict_on_cpu(folder, folder / "broken.mp4").exit_code == 2
    with pytest.raises(UserError, match="there is no such camera"):
        predict_on_cpu(folder, "/dev/video99")


def test_ctrl_c_keeps_what_was_done_before(folder, monkeypatch):
    opened = []

    def open_then_interrupt(source, *options):
        opened.append(source)
        if len(opened) == 2:
            raise KeyboardInterrupt
        return open_windows(source, *options)

    monkeypatch.setattr(sys.modules["app.predict"], "open_windows", open_then_interrupt)
    report = predict_on_cpu(folder, folder / "videos")
    assert (len(report.predictions), report.exit_code) == (1, 130)


def test_features_are_kept_by_window_and_by_video(folder, tmp_path):
    path = tmp_path / "features.npz"
    report = predict_on_cpu(folder, folder / "videos", features=str(path))
    assert report.exit_code == 0
    with np.load(path) as content:
        assert content["names"].tolist() == [str(folder / "videos" / n) for n in ("a.mp4", "b.avi")]
        assert content["window_video"].tolist() == [0] * 4 + [1] * 2
        assert content["window_start"].tolist() == [0, 8, 16, 24, 0, 8]
        windows = content["windows"]
        means = [windows[:4].mean(axis=0), windows[4:].mean(axis=0)]
        np.testing.assert_allclose(content["videos"], means, rtol=1e-5)
    with VideoReader(folder / "videos" / "b.avi") as reader:
        clip = reader.read_clips(np.arange(0, 8, 2)[None], size=CONTRACT.size)
    engine = open_engine(folder / "run", device="cpu", kind="dynamic")
    np.testing.assert_allclose(windows[4], engine.features(clip)[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": "f.npz", "timeline": True}, "--timeline shows classes"),
        ({"features": "f.npz", "format": "json"}, "--format shows classes"),
        ({"output": "somewhere"}, "--output is the folder"),
        ({"annotate": "one.mp4"}, "one file for 2 videos"),
        ({"seconds": 3.0}, "--seconds is for cameras"),
    ],
)
def test_options_that_contradict_each_other_are_refused(folder, options, message):
    with pytest.raises(UserError, match=message):
        predict_on_cpu(folder, folder / "videos", **options)


def test_the_command_line_prints_json_and_nothing_else(folder):
    video = folder / "videos" / "b.avi"
    code, out, _ = run("predict", folder / "run", video, folder / "broken.mp4", "--format", "json")
    assert code == 1
    content = json.loads(out)
    assert [entry["source"] for entry in content["failed"]] == [str(folder / "broken.mp4")]


def test_what_is_wrong_is_one_line_and_exit_code_2(folder):
    (folder / "empty").mkdir(exist_ok=True)
    code, out, err = run("predict", folder / "run", folder / "empty")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"error: {folder / 'empty'}: no videos in this folder"
