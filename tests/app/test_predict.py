import csv
import importlib.util
import io
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.configuration import ExportConfig, PredictConfig
from app.errors import UserError
from app.export import export
from app.inference.open_engine import open_engine
from app.predict import predict
from app.prediction.stream_windows import StreamWindows
from app.prediction.windows import VideoWindows
from datasets.clips.frame_choice import sliding_windows
from datasets.decoding.errors import VideoError
from datasets.decoding.video_reader import VideoReader
from tests.app.small_run import run, start
from tests.app.trained import CONTRACT, LABELS, write_run
from tests.videos import decode_all, write_video


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


def test_csv_has_a_row_per_class(folder, capsys):
    predict_on_cpu(folder, folder / "videos", format="csv", top_k=3)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
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


@pytest.mark.parametrize("format", ["table", "csv", "jsonl"])
def test_each_result_is_printed_before_the_next_video_is_opened(
    folder, monkeypatch, capsys, format
):
    printed = []

    class Watched(VideoWindows):
        def __init__(self, source, *settings):
            printed.append(capsys.readouterr().out)
            super().__init__(source, *settings)

    monkeypatch.setattr(sys.modules["app.predict"], "VideoWindows", Watched)
    predict_on_cpu(folder, folder / "videos", format=format, top_k=1)
    printed.append(capsys.readouterr().out)
    assert ["a.mp4" in text for text in printed] == [False, True, False]
    assert ["b.avi" in text for text in printed] == [False, False, True]
    if format == "jsonl":
        assert [json.loads(text)["frames"] for text in printed[1:]] == [30, 12]


def test_every_source_has_a_line_of_json_even_one_that_failed(folder, tmp_path, capsys):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    sources = [tmp_path / "missing.mp4", tmp_path / "bad.mp4", folder / "videos" / "a.mp4"]
    predict_on_cpu(folder, *sources, format="jsonl")
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["source"] for entry in entries] == list(map(str, sources))
    assert [set(entry) >= {"reason"} for entry in entries] == [True, True, False]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_was_done_before(folder, monkeypatch, capsys, number):
    opened = []

    class Interrupting(VideoWindows):
        def __init__(self, source, *settings):
            opened.append(source)
            if len(opened) == 2:
                os.kill(os.getpid(), number)
            super().__init__(source, *settings)

    monkeypatch.setattr(sys.modules["app.predict"], "VideoWindows", Interrupting)
    report = predict_on_cpu(folder, folder / "videos")
    assert (len(report.predictions), report.exit_code) == (1, 128 + number)
    shown = capsys.readouterr()
    assert "a.mp4  (30 frames, 1.2 s, 4 windows)" in shown.out
    assert f"stopped in {folder / 'videos' / 'b.avi'}; what was finished is kept" in shown.err


def test_an_error_in_a_picture_keeps_the_predictions(folder, tmp_path, monkeypatch, capsys):
    def full(prediction, path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(sys.modules["app.prediction.results"], "draw_timeline", full)
    report = predict_on_cpu(folder, folder / "videos", timeline=True, output=str(tmp_path))
    assert (len(report.predictions), report.exit_code) == (2, 1)
    shown = capsys.readouterr()
    assert "a.mp4  (30 frames" in shown.out and "b.avi  (12 frames" in shown.out
    assert "a.timeline.png: cannot be written: No space left on device" in shown.err


@pytest.mark.parametrize("features", [True, False])
def test_a_mistake_of_ours_keeps_what_was_finished(folder, tmp_path, monkeypatch, capsys, features):
    class Mistaken(VideoWindows):
        def __init__(self, source, *settings):
            if source.name.endswith("b.avi"):
                raise ZeroDivisionError
            super().__init__(source, *settings)

    monkeypatch.setattr(sys.modules["app.predict"], "VideoWindows", Mistaken)
    path = tmp_path / "features.npz"
    options = {"features": str(path)} if features else {"format": "json"}
    with pytest.raises(ZeroDivisionError):
        predict_on_cpu(folder, folder / "videos", **options)
    if features:
        with np.load(path) as content:
            assert content["names"].tolist() == [str(folder / "videos" / "a.mp4")]
    else:
        (entry,) = json.loads(capsys.readouterr().out)["results"]
        assert entry["frames"] == 30


def test_features_are_on_the_disk_before_the_end(folder, tmp_path, monkeypatch):
    path, found = tmp_path / "features.npz", []

    class Watched(VideoWindows):
        def __init__(self, source, *settings):
            found.append(path.exists())
            super().__init__(source, *settings)

    monkeypatch.setattr(sys.modules["app.predict"], "VideoWindows", Watched)
    monkeypatch.setattr("app.prediction.feature_file.PAUSE", 0)
    predict_on_cpu(folder, folder / "videos", features=str(path))
    assert found == [False, True]


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(folder, tmp_path):
    def limit():
        # Files may not grow beyond this: as on a full disk, writing fails on the way.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))

    process = start("predict", folder / "run", folder / "videos", "--annotate",
                    f"{tmp_path}/copies/", preexec_fn=limit)  # fmt: skip
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "a.mp4  (30 frames" in out and "b.avi  (12 frames" in out
    assert err.count("cannot be written: File too large") == len(err.splitlines()) == 2
    assert os.listdir(tmp_path / "copies") == []


def test_what_cannot_be_printed_is_one_line(folder):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "app", "predict", folder / "run", folder / "videos"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr == "error: standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize("ending", ["signal", "disconnect"])
@pytest.mark.parametrize("features", [True, False])
def test_what_a_stream_gave_is_kept_however_it_ends(
    folder, tmp_path, monkeypatch, ending, features
):
    class Ending(StreamWindows):
        def __iter__(self):
            for number, window in enumerate(super().__iter__()):
                if number == 2:
                    if ending == "disconnect":
                        raise VideoError("stream", "Connection reset by peer")
                    os.kill(os.getpid(), signal.SIGTERM)
                yield window

    monkeypatch.setattr(sys.modules["app.predict"], "StreamWindows", Ending)
    options = {"features": str(tmp_path / "features.npz")} if features else {}
    report = predict_on_cpu(folder, f"file://{folder / 'videos' / 'a.mp4'}", **options)
    assert report.exit_code == (0 if ending == "disconnect" else 128 + signal.SIGTERM)
    if features:
        with np.load(tmp_path / "features.npz") as content:
            assert content["window_start"].tolist() == [0, 8]
    else:
        assert report.predictions[0].starts == [0, 8]


def test_names_with_control_characters_are_shown_escaped(folder, tmp_path, capsys):
    video = write_video(tmp_path / "red\x1b[31m.mp4", frames=8)
    predict_on_cpu(folder, video)
    assert "red\\x1b[31m.mp4  (8 frames, 0.3 s, 1 window)" in capsys.readouterr().out
    predict_on_cpu(folder, video, format="csv")
    assert "red\x1b[31m.mp4" in capsys.readouterr().out


def test_pictures_of_videos_with_long_or_equal_names(folder, tmp_path):
    names = [f"{part}/{'动作视频测试标题很长' * 8}0000.mp4" for part in "ab"]
    for name in names:
        (tmp_path / name).parent.mkdir()
        write_video(tmp_path / name, frames=8)
    report = predict_on_cpu(folder, *(tmp_path / name for name in names), timeline=True,
                            output=f"{tmp_path}/out", annotate=f"{tmp_path}/out")  # fmt: skip
    assert report.failed == {}
    assert len(os.listdir(tmp_path / "out")) == len(set(report.files)) == 4
    assert [len(decode_all(path)) for path in report.files if path.endswith("mp4")] == [8, 8]


def test_the_times_are_those_of_the_frames(folder, tmp_path, capsys):
    pts = [0, 1, 2, 3, 4, 5, 6, 7, *range(200, 208)]
    video = write_video(tmp_path / "uneven.mkv", frames=16, pts=pts, b_frames=0)
    report = predict_on_cpu(folder, video, format="json", timeline=True, output=str(tmp_path))
    (prediction,) = report.predictions
    assert prediction.seconds == pytest.approx([0, 8.0], abs=2e-3)
    parts = json.loads(str(report))["results"][0]["timeline"]
    times = [second for part in parts for second in part["seconds"]]
    assert times[0] == 0 and times[-1] == pytest.approx(prediction.duration)
    assert 8.28 < prediction.duration < 9


@pytest.mark.skipif(
    not (importlib.util.find_spec("paddle2onnx") and importlib.util.find_spec("onnxruntime")),
    reason="requirements-onnx.txt is not installed",
)
def test_an_onnx_export_predicts_the_same(folder, tmp_path):
    export(ExportConfig(str(folder / "run"), str(tmp_path / "onnx"), format="onnx"))
    video = str(folder / "videos" / "a.mp4")
    report = predict(PredictConfig(str(tmp_path / "onnx"), [video]))
    assert report.engine == "onnxruntime on cpu"
    _, scores = expected_windows(folder, video)
    np.testing.assert_allclose(report.predictions[0].scores, scores.mean(axis=0), atol=1e-4)


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
        ({"annotate": "one.avi"}, "can be written as .mp4, .mkv, .mov; end the name of a folder"),
        ({"annotate": "one.gif"}, "can be written as .mp4"),
        ({"features": "x.csv"}, "name a file ending in .npz"),
        ({"features": f"{300 * 'x'}.npz"}, "cannot be written: File name too long"),
        ({"annotate": f"{300 * 'x'}/"}, "File name too long"),
        ({"reconnect": 1.0}, "--reconnect is for cameras"),
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
