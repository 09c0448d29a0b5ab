import contextlib
import errno
import importlib
import importlib.util
import os
import sys

import numpy as np
import paddle
import pytest

from app.configuration import ExportConfig
from app.errors import UserError
from app.export import export
from app.inference.open_engine import open_engine
from tests.app.small_run import write_corpus
from tests.app.trained import CONTRACT, LABELS, small_network, write_run, write_weights

verb = sys.modules["app.export"]
HAS_ONNX = importlib.util.find_spec("paddle2onnx") and importlib.util.find_spec("onnxruntime")

# The module: `app.export` is the function of this name.
verb = importlib.import_module("app.export")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    corpus = write_corpus(folder / "corpus", n_train=1, n_val=1)
    return write_run(folder / "run", corpus)


def clips():
    shape = (2, 3, CONTRACT.frames, CONTRACT.size, CONTRACT.size)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def test_the_export_is_compared_on_clips_of_the_run(run, tmp_path):
    report = export(ExportConfig(str(run), str(tmp_path / "out")))
    assert report.difference < 1e-5
    assert report.clips == "3 clips of the run's videos"
    assert sorted(os.listdir(tmp_path)) == ["out"]
    assert sorted(os.listdir(tmp_path / "out")) == [
        "inference.json",
        "inference.pdiparams",
        "model.json",
    ]


def test_plain_paddle_reads_the_export(run, tmp_path):
    export(ExportConfig(str(run), str(tmp_path / "out")))
    layer = paddle.jit.load(str(tmp_path / "out" / "inference"))
    scores = layer(paddle.to_tensor(clips())).numpy()
    expected = open_engine(run, device="cpu", kind="dynamic").scores(clips())
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_a_run_is_exported_into_its_own_folder(run):
    report = export(ExportConfig(str(run)))
    assert report.folder == run / "export" / "best"


def test_an_earlier_export_is_replaced(run, tmp_path):
    export(ExportConfig(str(run), str(tmp_path / "out")))
    (tmp_path / "out" / "evaluation").mkdir()
    (tmp_path / "out" / "model.json").write_text("old")
    export(ExportConfig(str(run), str(tmp_path / "out")))
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out" / "evaluation").is_dir()
    assert (tmp_path / "out" / "model.json").read_text() != "old"


def test_evaluations_kept_in_an_export_outlive_a_replacement_that_fails(run, tmp_path, monkeypatch):
    export(ExportConfig(str(run), str(tmp_path / "out")))
    (tmp_path / "out" / "evaluation").mkdir()
    (tmp_path / "out" / "evaluation" / "val.json").write_text("weeks of work")

    def fail(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    for name in ("replace", "unlink"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with contextlib.suppress(UserError):
                export(ExportConfig(str(run), str(tmp_path / "out")))
        assert (tmp_path / "out" / "evaluation" / "val.json").read_text() == "weeks of work"
    export(ExportConfig(str(run), str(tmp_path / "out")))
    assert (tmp_path / "out" / "evaluation" / "val.json").exists()
    assert open_engine(tmp_path / "out", device="cpu").labels == LABELS


def test_a_weight_file_is_exported_beside_itself(tmp_path):
    path = write_weights(tmp_path / "converted.pdparams")
    report = export(ExportConfig(str(path)))
    assert report.folder == tmp_path / "converted"
    assert "noise" in report.clips


def test_an_export_with_other_scores_fails_and_leaves_nothing(run, tmp_path, monkeypatch):
    class Wrong(verb.InferenceEngine):
        def _scores(self, clips):
            return super()._scores(clips) + 2e-4

    monkeypatch.setattr(verb, "InferenceEngine", Wrong)
    with pytest.raises(UserError, match="differ by 0.0002"):
        export(ExportConfig(str(run), str(tmp_path / "out")))
    assert os.listdir(tmp_path) == []


def test_scores_that_are_no_numbers_fail(run, tmp_path, monkeypatch):
    class Broken(verb.InferenceEngine):
        def _scores(self, clips):
            return super()._scores(clips) * np.float32("nan")

    monkeypatch.setattr(verb, "InferenceEngine", Broken)
    with pytest.raises(UserError, match="differ by nan"):
        export(ExportConfig(str(run), str(tmp_path / "out")))
    assert os.listdir(tmp_path) == []


def test_a_folder_with_other_things_in_it_is_not_touched(run, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds other things"):
        export(ExportConfig(str(run), str(tmp_path)))
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_new_videos_that_are_not_there_are_an_error(run, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        export(ExportConfig(str(run), str(tmp_path / "out"), videos=str(tmp_path / "nothing")))


@pytest.mark.skipif(bool(HAS_ONNX), reason="requirements-onnx.txt is installed")
def test_onnx_without_its_packages_says_what_to_install(run):
    with pytest.raises(UserError, match="pip install -r requirements-onnx.txt"):
        export(ExportConfig(str(run), format="onnx"))


@pytest.mark.skipif(not HAS_ONNX, reason="requirements-onnx.txt is not installed")
def test_onnx_gives_the_same_scores(run, tmp_path):
    import onnxruntime

    report = export(ExportConfig(str(run), str(tmp_path / "out"), format="onnx"))
    assert report.difference < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
    expected = open_engine(run, device="cpu", kind="dynamic").scores(clips())
    np.testing.assert_allclose(session.run(None, {"clips": clips()})[0], expected, atol=1e-5)
    engine = open_engine(tmp_path / "out")
    assert engine.name == "onnxruntime on cpu" and engine.labels == LABELS
    np.testing.assert_allclose(engine.scores(clips()), expected, atol=1e-5)


@pytest.mark.skipif(not HAS_ONNX, reason="requirements-onnx.txt is not installed")
def test_a_damaged_onnx_export_is_named(run, tmp_path):
    export(ExportConfig(str(run), str(tmp_path / "out"), format="onnx"))
    (tmp_path / "out" / "model.onnx").write_bytes(b"no network")
    with pytest.raises(UserError, match="onnxruntime cannot load it") as error:
        open_engine(tmp_path / "out")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(bool(HAS_ONNX), reason="requirements-onnx.txt is installed")
def test_an_onnx_export_without_onnxruntime_says_what_to_install(tmp_path):
    (tmp_path / "model.json").write_text(small_network()[1].to_json())
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(UserError, match="onnxruntime is not installed; pip install -r"):
        open_engine(tmp_path)
