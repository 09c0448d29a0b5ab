import json
import os

import numpy as np
import pytest

from app.configuration import ExportConfig
from app.errors import UserError
from app.export import export
from app.inference.eager import DynamicEngine
from app.inference.open_engine import open_engine
from app.inference.paddle_inference import InferenceEngine
from models.onednn import unavailable_because
from tests.app.trained import (
    CONTRACT,
    LABELS,
    OPTIONS,
    write_checkpoint,
    write_run,
    write_weights,
)
from weights.description import NetworkDescription
from weights.files import save_network

needs_bf16 = pytest.mark.skipif(
    bool(unavailable_because("bf16")), reason=str(unavailable_because("bf16"))
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("engines") / "run")


def clips(n=3):
    shape = (n, 3, CONTRACT.frames, CONTRACT.size, CONTRACT.size)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def open_on_cpu(source, kind="auto", **options):
    return open_engine(source, device="cpu", kind=kind, **options)


def test_on_the_cpu_a_run_is_opened_through_paddle_inference(run):
    engine = open_on_cpu(run)
    assert isinstance(engine, InferenceEngine)
    assert engine.labels == LABELS
    assert engine.description.input == CONTRACT


def test_both_engines_give_the_same_probabilities(run):
    inference, dynamic = open_on_cpu(run), open_on_cpu(run, "dynamic")
    assert isinstance(dynamic, DynamicEngine)
    scores = inference.scores(clips())
    assert scores.shape == (3, 4) and scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert scores.std(axis=0).max() > 1e-4, "clips that all score alike show nothing"
    np.testing.assert_allclose(scores, dynamic.scores(clips()), atol=1e-5)


def test_the_batch_size_is_free(run):
    engine = open_on_cpu(run)
    one_by_one = [engine.scores(clips()[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(engine.scores(clips()), one_by_one, atol=1e-5)


def test_both_engines_give_the_same_features(run):
    features = open_on_cpu(run, output="features").features(clips())
    assert features.shape == (3, 128)
    expected = open_on_cpu(run, "dynamic").features(clips())
    np.testing.assert_allclose(features, expected, atol=1e-4 * np.abs(expected).max())


def test_the_export_is_kept_in_the_run_folder_and_used_again(run):
    open_on_cpu(run)
    program = run / "export" / "best" / "inference.json"
    before = program.stat().st_ino
    open_on_cpu(run)
    assert program.stat().st_ino == before


def test_the_export_is_made_anew_when_the_checkpoint_changes(tmp_path):
    run = write_run(tmp_path / "run", seed=0)
    before = open_on_cpu(run).scores(clips())
    write_checkpoint(run, epoch=2, seed=1)
    after = open_on_cpu(run).scores(clips())
    np.testing.assert_allclose(after, open_on_cpu(run, "dynamic").scores(clips()), atol=1e-5)
    assert np.abs(after - before).max() > 1e-3
    assert os.listdir(run / "export") == ["best"]


def test_half_an_export_in_the_run_folder_is_made_anew(tmp_path):
    run = write_run(tmp_path / "run")
    open_on_cpu(run)
    (run / "export" / "best" / "inference.pdiparams").unlink()
    assert open_on_cpu(run).scores(clips()).shape == (3, 4)


def test_an_export_that_cannot_be_kept_is_done_without(tmp_path):
    run = write_run(tmp_path / "run")
    (run / "export").write_text("a file where the folder should be")
    assert open_on_cpu(run).scores(clips()).shape == (3, 4)


def test_a_weight_file_is_opened_and_nothing_is_left_beside_it(tmp_path):
    path = write_weights(tmp_path / "converted.pdparams")
    assert open_on_cpu(path).labels == LABELS
    assert sorted(os.listdir(tmp_path)) == ["converted.json", "converted.pdparams"]


def test_an_exported_folder_is_opened(run):
    expected = open_on_cpu(run).scores(clips())
    engine = open_on_cpu(run / "export" / "best")
    np.testing.assert_array_equal(engine.scores(clips()), expected)


def test_labels_may_come_from_a_file(tmp_path):
    path = write_weights(tmp_path / "converted.pdparams", labels=None)
    assert open_on_cpu(path).labels == ("class 0", "class 1", "class 2", "class 3")
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    engine = open_on_cpu(path, labels=tmp_path / "labels.txt")
    assert engine.labels == ("a", "b", "c", "d")


def test_clips_of_another_kind_are_refused(run):
    engine = open_on_cpu(run)
    with pytest.raises(ValueError, match="float32"):
        engine.scores(clips().astype("float32"))
    with pytest.raises(ValueError, match="uint8"):
        engine.scores(clips()[0])


def message(source, **options):
    with pytest.raises(UserError) as error:
        open_on_cpu(source, **options)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_what_is_not_there_is_said_in_one_line(run, tmp_path):
    assert "no such run folder" in message(tmp_path / "nothing")
    assert "not a run folder" in message(tmp_path)
    assert "there are: epoch-0001" in message(run, checkpoint="epoch-0009")
    (tmp_path / "video.mp4").write_bytes(b"")
    assert "not a .pdparams file" in message(tmp_path / "video.mp4")


def test_a_run_without_a_checkpoint_is_named(run, tmp_path):
    (tmp_path / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    assert "has no checkpoint yet" in message(tmp_path)


def test_labels_of_another_size_are_refused(run, tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\n")
    text = message(run, labels=tmp_path / "labels.txt")
    assert "2 class names for a network of 4" in text


def test_options_that_an_exported_folder_cannot_follow_are_refused(run):
    open_on_cpu(run)
    exported = run / "export" / "best"
    assert "does not run in eager mode" in message(exported, kind="dynamic")
    assert "gives scores only" in message(exported, output="features")
    with pytest.raises(UserError, match="gives its scores only"):
        open_on_cpu(exported).features(clips())


def test_features_are_never_taken_for_scores(run):
    open_on_cpu(run, output="features")
    assert "gives features only" in message(run / "export" / "best-features")
    kept = open_on_cpu(run / "export" / "best-features", output="features")
    assert kept.features(clips()).shape == (3, 128)


def test_engines_that_are_not_there_are_refused(run):
    assert "use one of auto, dynamic, inference" in message(run, kind="tensorrt")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("inference.pdiparams", b""),
        ("inference.pdiparams", b"\x00" * 5000),
        ("inference.json", b"{}"),
        ("inference.json", b"not JSON"),
    ],
)
def test_a_damaged_export_is_named(tmp_path, name, content):
    path = write_weights(tmp_path / "converted.pdparams")
    run = write_run(tmp_path / "run")
    open_on_cpu(run)
    (run / "export" / "best" / name).write_bytes(content)
    assert "export it again" in message(run / "export" / "best")
    assert path.exists()


def test_an_export_with_a_file_missing_is_named(tmp_path):
    run = write_run(tmp_path / "run")
    open_on_cpu(run)
    exported = run / "export" / "best"
    (exported / "model.json").unlink()
    assert "there is no model.json in it" in message(exported)


def test_the_export_says_where_it_comes_from(run):
    open_on_cpu(run)
    description = json.loads((run / "export" / "best" / "model.json").read_text())
    manifest = json.loads((run / "checkpoints" / "epoch-0001" / "manifest.json").read_text())
    assert description["source"]["file"] == "made"
    assert description["source"]["exported"]["sha256"] == manifest["files"]["model.pdparams"][1]


def test_a_backbone_gives_features_and_no_scores(tmp_path):
    path = tmp_path / "backbone.pdparams"
    description = NetworkDescription("r3d", {**OPTIONS, "n_classes": 0}, None, CONTRACT)
    save_network(description.build(), description, path)
    with pytest.raises(UserError, match="knows no classes; fine-tune it first"):
        open_on_cpu(path)
    with pytest.raises(UserError, match="knows no classes"):
        export(ExportConfig(run=str(path)))
    features = open_on_cpu(path, output="features").features(clips())
    assert features.shape == (3, 128)


@needs_bf16
def test_bfloat16_scores_are_near_and_it_says_how_near(run, capsys):
    engine, exact = open_on_cpu(run, precision="bf16"), open_on_cpu(run, "dynamic")
    scores = engine.scores(clips())
    said = capsys.readouterr().err
    distance = np.abs(scores - exact.scores(clips())).max()
    assert 0 < distance < 1e-2
    assert said == (
        f"bfloat16: the scores of the first 3 clips differ from those in float32 by at most "
        f"{distance:.1e}\n"
    )
    logits = engine.logits(clips())
    np.testing.assert_allclose(logits, exact.logits(clips()), atol=0.05 * np.abs(logits).max())
    assert capsys.readouterr().err == ""


@needs_bf16
def test_bfloat16_has_features(run, capsys):
    engine = open_on_cpu(run, precision="bf16", output="features")
    features = engine.features(clips())
    assert "the features of the first 3 clips" in capsys.readouterr().err
    exact = open_on_cpu(run, "dynamic").features(clips())
    assert 0 < np.abs(features - exact).max() < 0.05 * np.abs(exact).max()


def test_bfloat16_is_refused_where_it_cannot_be_had(run, tmp_path, monkeypatch):
    export(ExportConfig(str(run), output=str(tmp_path / "out")))
    with pytest.raises(UserError, match="one precision; name the run folder"):
        open_on_cpu(tmp_path / "out", precision="bf16")
    with pytest.raises(UserError, match="leave out --engine inference"):
        open_on_cpu(run, "inference", precision="bf16")
    monkeypatch.setattr("models.onednn.choice.unavailable_because", lambda _: "no such arithmetic")
    with pytest.raises(UserError, match="--precision bf16: no such arithmetic"):
        open_on_cpu(run, precision="bf16")
