"""Every family from a published file to an export: converted, fine-tuned, resumed, used."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from functools import cached_property

import numpy as np
import paddle
import pytest

import app
import models
from app.command_line import main
from app.run_folder import config_text
from datasets.clips.frame_choice import sliding_windows
from datasets.decoding.video_reader import VideoReader
from datasets.demo import TURNS, write_demo_corpus
from tests.app.small_run import PROJECT
from tests.models.test_families import STAGES
from tests.weights import checkpoints
from tests.weights.test_family_conversion import SMALL

HAS_ONNX = importlib.util.find_spec("paddle2onnx") and importlib.util.find_spec("onnxruntime")
QUICK = {"preresnet"}
OPTIONS = {"r3d": checkpoints.SMALL, **SMALL}
# Of the release of 2017, whose files count no batches and whose networks saw values up to 255.
OLD = {"preresnet", "wideresnet", "resnext", "densenet"}
BATCH, BATCHES = 4, 3
SIZE = 32


class Journey:
    """A family's published file, what it became, and the run that started from it.

    Args:
        architecture: A key of `models.FAMILIES`.
        folder: An empty folder.
        corpus: Folder of videos.
    """

    def __init__(self, architecture, folder, corpus):
        self.architecture, self.folder, self.corpus = architecture, folder, corpus
        options = OPTIONS[architecture]
        state = checkpoints.family_state(architecture, **options)
        if architecture in OLD:
            state = {name: t for name, t in state.items() if not name.endswith("_tracked")}
        file = checkpoints.as_published(architecture, options["depth"], state, folder, "published")
        self.conversion = app.convert(app.ConvertConfig(str(file))).result
        self.weights = self.conversion.output
        self.frames = 16 if architecture == "densenet" else 4
        # In the middle of the network; the names are the family's own.
        self.first_trained = STAGES[architecture][-3]
        self.run = folder / "run"
        app.fit(self.configuration(self.run))

    def configuration(self, run_dir, every_steps=0, **model):
        """Fine-tuning for an epoch, on clips as small as the family takes."""
        pretrained = {"pretrained": str(self.weights), "finetune_from": self.first_trained}
        return app.FitConfig(
            run_dir=str(run_dir),
            model=app.ModelConfig(**{**pretrained, **model}),
            data=app.DataConfig(videos=str(self.corpus)),
            clip=app.ClipConfig(frames=self.frames, size=SIZE, val_clips=2),
            train=app.TrainConfig(
                epochs=1, batch_size=BATCH, workers=0, device="cpu", kernels="auto", threads=1
            ),
            optim=app.OptimConfig(lr=1e-3),
            checkpoint=app.CheckpointConfig(every_steps=every_steps),
        )

    def trained(self, run_dir):
        """The weights at the end of a run, name -> array."""
        return paddle.load(
            str(run_dir / "checkpoints/epoch-0001/model.pdparams"), return_numpy=True
        )

    @cached_property
    def eager(self):
        """The trained network in Paddle's eager mode."""
        return app.open_engine(self.run, device="cpu", kind="dynamic")

    def clips(self):
        """Two clips of grey noise, uint8 `[2, 3, T, S, S]`: no score is too small for float32."""
        shape = (2, 3, self.frames, SIZE, SIZE)
        return np.random.default_rng(1).integers(96, 128, shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    n_train = BATCH * BATCHES // len(TURNS)
    return write_demo_corpus(tmp_path_factory.mktemp("demo"), "turns", n_train=n_train, n_val=1)


@pytest.fixture(
    scope="module",
    params=[
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in models.FAMILIES
    ],
)
def journey(request, corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    yield Journey(request.param, folder, corpus)
    # Nine families' checkpoints are gigabytes, which pytest would keep.
    shutil.rmtree(folder)


def test_the_stages_before_the_first_trained_one_stay_as_published(journey):
    assert journey.conversion.error < 1e-5
    assert journey.conversion.description.architecture == journey.architecture
    before = paddle.load(str(journey.weights), return_numpy=True)
    after = journey.trained(journey.run)
    stages = STAGES[journey.architecture]
    trained = stages[stages.index(journey.first_trained) : -1]
    head = stages[-1]
    assert after[f"{head}.bias"].shape == (len(TURNS),)
    for name, value in before.items():
        if not name.startswith(f"{head}."):
            is_trained = any(part in trained for part in name.split("."))
            assert (value.tobytes() != after[name].tobytes()) == is_trained, name
            assert np.isfinite(after[name]).all(), name


def test_a_stage_that_is_not_there_is_an_error_that_lists_those_there_are(journey):
    with pytest.raises(app.UserError) as error:
        app.fit(journey.configuration(journey.folder / "none", finetune_from="layer9"))
    assert "no module 'layer9'" in str(error.value)
    assert f"there are: {', '.join(STAGES[journey.architecture])}" in str(error.value)


# Fit in a process that ends without a chance to save anything, in the middle of its epoch.
KILLED = """
import os, signal, sys
from app.command_line import main
from app.training.video_model import VideoModel

train_batch = VideoModel.train_batch

def train_until_killed(self, *arguments, **options):
    if self.position.step == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return train_batch(self, *arguments, **options)

VideoModel.train_batch = train_until_killed
main(sys.argv[1:])
"""


def test_a_run_killed_within_its_epoch_resumes_to_the_same_weights(journey, capfd):
    run_dir, config = journey.folder / "killed", journey.folder / "killed.yaml"
    config.write_text(config_text(journey.configuration(run_dir, every_steps=1)))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "fit", "--config", str(config)],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (run_dir / "checkpoints/epoch-0001").exists()
    assert main(["fit", "--run_dir", str(run_dir), "--resume"]) == 0
    assert f"resuming from {run_dir}/checkpoints/step-" in capfd.readouterr().out
    one, two = journey.trained(journey.run), journey.trained(run_dir)
    assert one.keys() == two.keys()
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


def test_an_evaluation_finds_the_loss_of_the_validation(journey):
    (record,) = (journey.run / "metrics.jsonl").read_text().splitlines()
    expected = json.loads(record)
    for engine in ("dynamic", "inference"):
        report = app.evaluate(
            app.EvaluateConfig(str(journey.run), device="cpu", engine=engine, workers=0)
        )
        assert report.failed == {}
        for name, value in report.evaluation.values().items():
            assert value == pytest.approx(expected[name], rel=1e-4), name


def test_a_video_is_predicted_by_the_scores_of_its_windows(journey):
    video = next(journey.corpus.glob("val/growing/*"))
    report = app.predict(app.PredictConfig(str(journey.run), [str(video)], device="cpu"))
    (prediction,) = report.predictions
    with VideoReader(video) as reader:
        windows = sliding_windows(len(reader), journey.frames, 1, journey.frames)
        clips = reader.read_clips(windows, size=SIZE)
    scores = journey.eager.scores(clips).mean(axis=0)
    np.testing.assert_allclose(prediction.scores, scores, atol=1e-5)
    assert prediction.top(1)[0][0] == sorted(TURNS)[scores.argmax()]


@pytest.mark.parametrize(
    "form",
    [
        "paddle",
        pytest.param(
            "onnx",
            marks=pytest.mark.skipif(not HAS_ONNX, reason="requirements-onnx.txt is not installed"),
        ),
    ],
)
def test_an_export_gives_the_logits_of_the_eager_network(journey, form):
    folder = journey.folder / form
    app.export(app.ExportConfig(str(journey.run), str(folder), format=form))
    exported = app.open_engine(folder, device="cpu").logits(journey.clips())
    expected = journey.eager.logits(journey.clips())
    # An export ends in the softmax, which forgets a constant of each clip.
    exported, expected = (
        logits - logits.mean(axis=1, keepdims=True) for logits in (exported, expected)
    )
    assert np.linalg.norm(exported - expected) / np.linalg.norm(expected) < 1e-5
