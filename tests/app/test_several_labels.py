"""Several labels per video, all the way: fit, evaluate, score, predict, export."""

import json

import numpy as np
import paddle
import pytest

from app.command_line import main
from app.configuration import EvaluateConfig, ExportConfig, PredictConfig, ScoreConfig
from app.errors import UserError
from app.evaluate import evaluate
from app.evaluation.scores import VideoScores
from app.export import export
from app.inference.open_engine import open_engine
from app.metrics import hits, sigmoid
from app.predict import predict
from app.score import score
from tests.app.small_run import OPTIONS, write_corpus, write_lists
from weights.files import load_network

CALM = ["--train.mixup", "0.2", "--optim.lr", "0.005"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    corpus = write_corpus(folder / "corpus")
    return corpus, write_lists(folder / "lists", corpus)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    corpus, lists = map(str, data)
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["--data.videos", corpus, "--data.annotation", lists, "--data.multi_label"]
    assert main(["fit", "--run_dir", str(folder), *words, *OPTIONS, *CALM]) == 0
    return folder


def test_the_best_checkpoint_follows_the_mean_average_precision(run):
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    best = max(records, key=lambda record: record["val_video_map"])
    assert (run / "checkpoints" / "best").read_text().strip() == f"epoch-{best['epoch']:04d}"
    page = (run / "report.html").read_text()
    assert "video mAP, best epoch" in page and "Mean average precision" in page


def test_evaluate_finds_what_the_validation_found_and_score_the_same_again(run, data):
    report = evaluate(EvaluateConfig(str(run), checkpoint="last", workers=0))
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    values = report.values()
    assert values["video_map"] == pytest.approx(last["val_video_map"], abs=1e-9)
    assert values["loss"] == pytest.approx(last["val_loss"], rel=1e-4)
    assert f"mean average precision {values['video_map']:.4f} over 3 classes" in str(report)
    assert np.mean([row["average_precision"] for row in report.per_class()]) == pytest.approx(
        values["video_map"]
    )
    table = report.files.videos.read_text()
    assert 'run/1.mp4,"run, walk",' in table
    assert not report.files.confusion.exists()
    scored = score(ScoreConfig(str(report.files.predictions), str(data[1]), multi_label=True))
    assert scored.video_map == values["video_map"]
    assert scored.accuracy == {1: values["video_top1"]}


def test_a_result_file_without_all_classes_has_no_mean_average_precision(run, data, tmp_path):
    report = evaluate(EvaluateConfig(str(run), workers=0, top_k=2, output=str(tmp_path)))
    with pytest.raises(UserError, match="has no score of the class"):
        score(ScoreConfig(str(report.files.predictions), str(data[1]), multi_label=True))


def test_every_engine_and_export_gives_the_sigmoid(run, data, tmp_path):
    clips = np.random.default_rng(0).integers(0, 256, (3, 3, 4, 32, 32), dtype=np.uint8)
    network, description = load_network(run / "checkpoints" / "epoch-0003" / "model.pdparams")
    recogniser = description.recogniser(network)
    recogniser.eval()
    with paddle.no_grad():
        logits = recogniser(paddle.to_tensor(clips)).numpy()
    export(ExportConfig(str(run), str(tmp_path / "out"), checkpoint="epoch-0003"))
    engines = [open_engine(run, "epoch-0003", "cpu", kind) for kind in ("dynamic", "inference")]
    for engine in [*engines, open_engine(tmp_path / "out", device="cpu")]:
        np.testing.assert_allclose(engine.scores(clips), sigmoid(logits), atol=1e-5)
        np.testing.assert_allclose(engine.logits(clips), logits, atol=1e-3)
    video = data[0] / "val" / "run" / "1.mp4"
    (prediction,) = predict(PredictConfig(str(run), [str(video)], device="cpu")).predictions
    assert prediction.scores.sum() != pytest.approx(1, abs=1e-3)


def test_a_failed_video_is_never_found():
    truth = np.array([[1, 0], [1, 1], [0, 1]], bool)
    scores = VideoScores(truth, 2)
    scores.add(np.array([0, 2]), np.array([[2, -1], [-1, 3]], np.float32))
    scores.finish([0, 1, 2])
    found = scores.summary()
    assert found.average_precision.tolist() == [0.5, 0.5]
    assert (found.video_map, found.video_top1, found.failed) == (0.5, 2 / 3, 1)


def test_one_of_its_classes_is_enough_for_a_hit():
    scores = np.array([[0.9, 0.8, 0.7], [0.5, 0.5, 0.1]])
    truth = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert hits(scores, truth, 1).tolist() == [False, False]
    assert hits(scores, truth, 2).tolist() == [True, True]


def test_probabilities_of_extreme_logits_are_numbers():
    found = sigmoid(np.array([[-200, 0, 200]], np.float32))
    assert found.tolist() == [[0.0, 0.5, 1.0]] and found.dtype == np.float32
