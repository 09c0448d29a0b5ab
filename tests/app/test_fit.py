import json
import re
from dataclasses import replace

import av
import numpy as np
import paddle
import pytest
from visualdl import LogReader

from app.checkpoints import newest_first
from app.configuration import (
    CheckpointConfig,
    ClipConfig,
    DataConfig,
    EvaluateConfig,
    FitConfig,
    IndexConfig,
    ModelConfig,
    OptimConfig,
    TrainConfig,
)
from app.errors import UserError
from app.evaluate import evaluate
from app.fit import fit
from app.index import index
from app.run_folder import RunFolder
from app.training.video_model import NonFiniteLossError, VideoModel
from callbacks.training_run import TrainingRun
from tests.app.small_run import write_corpus
from tests.callbacks.stand_in import StandIn
from tests.videos import write_video


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def small_config(corpus, run_dir, **train):
    return FitConfig(
        run_dir=str(run_dir),
        model=ModelConfig(depth=10, widen_factor=0.1, conv1_t_size=3),
        data=DataConfig(videos=str(corpus)),
        clip=ClipConfig(frames=4, size=32, val_clips=2),
        train=TrainConfig(
            **{"epochs": 2, "batch_size": 4, "workers": 0, "device": "cpu", "threads": 1, **train}
        ),
        optim=OptimConfig(lr=0.05),
    )


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("trained") / "run"
    return run_dir, fit(small_config(corpus, run_dir))


def test_training_and_evaluation_use_the_frame_indices_of_an_index(corpus, tmp_path, monkeypatch):
    """Found in two files beside the index, not one by one in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    index(IndexConfig(source=str(corpus), output=str(tmp_path / "index")))
    config = small_config(corpus, tmp_path / "run", epochs=1)
    annotation = str(tmp_path / "index")
    fit(replace(config, data=DataConfig(annotation=annotation)))
    evaluate(EvaluateConfig(run=str(tmp_path / "run"), device="cpu", workers=0))
    assert not list(tmp_path.glob("cache/*/frame_indices/*"))
    fit(replace(config, run_dir=str(tmp_path / "other")))
    assert list(tmp_path.glob("cache/*/frame_indices/*"))


def test_a_run_leaves_its_folder(trained):
    run_dir, result = trained
    assert result.epochs == 2 and result.exit_code == 0
    assert json.loads((run_dir / "labels.json").read_text()) == ["jump", "run", "walk"]
    assert newest_first(run_dir / "checkpoints") == ["epoch-0002", "epoch-0001"]
    assert (run_dir / "checkpoints/last").read_text().strip() == "epoch-0002"
    (log,) = run_dir.glob("vdlrecords.*.log")
    # VisualDL's table shows nothing for a name with a dot.
    (record,) = LogReader(file_path=str(log)).get_data("hyper_parameters", "hparam")
    names = [info.name for info in record.hparam.hparamInfos]
    assert "optim_lr" in names and "." not in "".join(names)


def test_metrics_have_the_promised_names(trained):
    run_dir, result = trained
    first, last = (json.loads(line) for line in (run_dir / "metrics.jsonl").open())
    assert (first["epoch"], last["epoch"], first["step"], last["step"]) == (1, 2, 3, 6)
    assert set(last) == set(
        "epoch step lr gradient_norm train_loss train_top1 val_loss val_clip_top1 val_clip_top5 "
        "val_video_top1 val_video_top5 clips_per_second data_wait".split()
    )
    assert last["val_video_top1"] == result.evaluation.video_top1


def test_evaluate_gives_the_numbers_of_fit(corpus, tmp_path):
    run_dir = tmp_path / "run"
    # Those of Paddle's kernels, which eager mode computes with.
    result = fit(small_config(corpus, run_dir, kernels="paddle"))
    for workers in (0, 2):
        report = evaluate(
            EvaluateConfig(
                str(run_dir), checkpoint="last", workers=workers, device="cpu", engine="dynamic"
            )
        )
        assert report.evaluation.values() == result.evaluation.values()
    stored = json.loads((run_dir / "evaluation/val.json").read_text())
    assert stored["video_top1"] == result.evaluation.video_top1
    assert stored["failed"] == {}


def test_the_saved_weights_are_plain_paddle(trained):
    run_dir, _ = trained
    state = paddle.load(str(run_dir / "checkpoints/epoch-0002/model.pdparams"))
    assert "layer1.0.conv1.weight" in state and "fc.bias" in state
    assert list(state["fc.weight"].shape)[1] == 3


class MeanColour(paddle.nn.Layer):
    """In the place of a recogniser: a classifier of mean colours, without batch statistics."""

    def __init__(self, n_classes):
        super().__init__()
        self.network = paddle.nn.Linear(3, n_classes)
        self.network.dropout = 0.0

    def forward(self, clips):
        return self.network(clips.astype("float32").mean(axis=[2, 3, 4]) / 255)


def test_gradients_accumulated_equal_those_of_the_big_batch(corpus, tmp_path):
    """In a network without batch statistics; an epoch of 12 clips leaves an incomplete group."""

    generator = np.random.default_rng(0)
    clips = paddle.to_tensor(generator.integers(0, 256, (7, 3, 2, 4, 4), dtype=np.uint8))
    labels = paddle.to_tensor(generator.integers(0, 2, 7))

    def step(groups):
        paddle.seed(1)
        network = MeanColour(2)
        model = VideoModel(network, 2)
        model.prepare_training(paddle.optimizer.SGD(1.0, parameters=network.parameters()))
        for number, group in enumerate(groups):
            model.train_batch([clips[group]], [labels[group]], update=number == len(groups) - 1)
        return network.network.weight.numpy()

    whole = step([slice(0, 7)])
    np.testing.assert_allclose(step([slice(0, 3), slice(3, 6), slice(6, 7)]), whole, rtol=1e-5)


def test_a_step_waits_for_the_device_once(monkeypatch):
    generator = np.random.default_rng(0)
    clips = paddle.to_tensor(generator.integers(0, 256, (6, 3, 2, 4, 4), dtype=np.uint8))
    labels = paddle.to_tensor(generator.integers(0, 4, 6))
    network = MeanColour(4)
    logits = network(clips)
    loss = float(paddle.nn.functional.cross_entropy(logits, labels))
    correct = float((logits.numpy().argmax(1) == labels.numpy()).mean())
    model = VideoModel(network, 4)
    model.prepare_training(paddle.optimizer.SGD(1.0, parameters=network.parameters()))
    transfers = []
    for name in ("numpy", "item", "tolist", "__float__", "__int__", "__bool__", "__array__"):
        method = getattr(paddle.Tensor, name)

        def counted(tensor, *arguments, name=name, method=method):
            transfers.append(name)
            return method(tensor, *arguments)

        monkeypatch.setattr(paddle.Tensor, name, counted)
    assert model.train_batch([clips], [labels]) == [pytest.approx(loss)]
    assert transfers == ["numpy"]
    assert model.training_so_far["train_loss"] == pytest.approx(loss)
    assert model.training_so_far["train_top1"] == pytest.approx(correct)
    assert model.gradient_norm > 0


def test_repeated_clips_make_an_epoch_longer(corpus, tmp_path):
    config = small_config(corpus, tmp_path / "run", epochs=1)
    config.clip.repeats = 2
    fit(config)
    metrics = json.loads((tmp_path / "run/metrics.jsonl").read_text())
    # Twelve videos, two clips of each, four clips a step.
    assert metrics["step"] == 6


def test_repeats_that_do_not_divide_the_batch_are_refused(corpus, tmp_path):
    config = small_config(corpus, tmp_path / "run", epochs=1)
    config.clip.repeats = 3
    with pytest.raises(UserError, match="--clip.repeats 3 does not divide --train.batch_size 4"):
        fit(config)


def test_a_loss_that_is_not_finite_says_what_its_checkpoints_are_worth(corpus, tmp_path):
    """The first update makes weights of 1e29: finite, but nothing to go on from."""
    config = small_config(corpus, tmp_path / "run", epochs=30)
    config.optim.lr = 1e30
    config.checkpoint = CheckpointConfig(every_steps=1)
    with pytest.raises(NonFiniteLossError) as caught:
        fit(config)
    message = str(caught.value)
    assert re.search(r"at step \d+ with learning rate 1e\+30", message)
    assert re.search(r"the last checkpoint is step-\d+ at step \d+ \(loss", message)
    assert "it has diverged as well, and no other is sound" in message
    assert "\n" not in message


def test_a_divergence_later_leaves_the_last_sound_checkpoint(corpus, tmp_path, monkeypatch):
    fit(small_config(corpus, tmp_path / "run", epochs=1))
    config = small_config(corpus, tmp_path / "run", epochs=30)
    config = replace(config, resume=True, model=RunFolder(tmp_path / "run").read_config().model)
    config.optim.lr = 1e30
    config.checkpoint = CheckpointConfig(every_steps=1, keep=1)
    with pytest.raises(NonFiniteLossError) as caught:
        fit(config)
    message = str(caught.value)
    assert "it has diverged as well; sound is epoch-0001 at step 3 (loss" in message
    assert f"remove {tmp_path}/run/checkpoints/step-" in message
    state = paddle.load(str(tmp_path / "run/checkpoints/epoch-0001/model.pdparams"))
    assert all(np.abs(np.asarray(value)).max() < 1000 for value in state.values())


def test_a_divergence_before_the_first_checkpoint_says_that_there_is_none(corpus, tmp_path):
    config = small_config(corpus, tmp_path / "run")
    config.optim.lr = 1e30
    with pytest.raises(NonFiniteLossError, match="; there is no checkpoint yet$"):
        fit(config)


def test_a_new_run_is_named_after_its_videos_or_what_lists_them(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    index(IndexConfig(source=str(corpus), output="my_index"))
    config = small_config(corpus, None, epochs=1)
    config = replace(config, run_dir=None)
    names = []
    for videos, annotation in (
        (None, "my_index"),
        (None, "my_index/index.npz"),
        (str(corpus), "my_index"),
    ):
        data = DataConfig(videos=videos, annotation=annotation)
        names.append(str(fit(replace(config, data=data)).run_dir))
    assert names == ["runs/my_index", "runs/my_index-2", f"runs/{corpus.name}"]


def test_the_end_names_the_best_epoch_and_the_last(trained):
    run_dir, result = trained
    values = [json.loads(line)["val_video_top1"] for line in (run_dir / "metrics.jsonl").open()]
    best = values.index(max(values))
    assert f"finished 2 epochs\nbest: epoch {best + 1}, val_video_top1 {values[best]:.4f}" in str(
        result
    )
    assert f"last: epoch 2, validation video top-1 {values[-1]:.4f}\n" in str(result)
    assert "finished 1 epoch\n" in str(replace(result, epochs=1))


def test_the_model_is_what_callbacks_were_promised():
    network = paddle.nn.Linear(1, 1)
    model = VideoModel(network, 3, batches_per_epoch=2)
    model.prepare_training(paddle.optimizer.SGD(1.0, parameters=network.parameters()))
    assert isinstance(model, TrainingRun)
    assert isinstance(StandIn(), TrainingRun)


def test_early_stopping_ends_the_run(corpus, tmp_path):
    config = small_config(corpus, tmp_path / "run", epochs=30, early_stopping=1)
    config.optim.lr = 1e-12
    assert fit(config).epochs < 30


def write_sound(path):
    """An mp4 with sound and no picture."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        for number in range(4):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 48000, 1024 * number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_files_are_named_once_and_the_run_ends_well(corpus, tmp_path, workers, capfd):
    videos = write_corpus(tmp_path / "videos", n_train=6)
    whole = (videos / "train/run/0.mp4").read_bytes()
    bad = {
        "truncated.mp4": whole[: len(whole) * 7 // 10],
        "empty.mp4": b"",
        "text.avi": b"no video at all\n" * 100,
    }
    for name, content in bad.items():
        (videos / "train/walk" / name).write_bytes(content)
    write_sound(videos / "train/walk/sound.mp4")
    bad["sound.mp4"] = None
    # A video of one frame is short, not bad: it is looped.
    write_video(videos / "train/walk/still.mp4", frames=1, width=48, height=40)
    (videos / "val/walk/broken.mp4").write_bytes(b"")
    config = small_config(videos, tmp_path / "run", workers=workers, epochs=3)
    config.data.max_failures = 10
    result = fit(config)
    lines = [json.loads(line) for line in (tmp_path / "run/failures.jsonl").open()]
    named = [line["path"].rsplit("/", 1)[-1] for line in lines]
    assert sorted(named) == sorted([*bad, "broken.mp4"])
    assert all(line["reason"] for line in lines)
    assert result.epochs == 3 and result.failed_videos == 5
    # Six good validation videos, one broken: it counts as wrong.
    assert result.evaluation.failed == 1
    assert result.evaluation.video_top5 == pytest.approx(6 / 7)
    err = capfd.readouterr().err
    assert all(err.count(name) == 1 for name in named)


@pytest.mark.parametrize("workers", [0, 2])
def test_too_many_bad_files_end_the_run_with_a_name(corpus, tmp_path, workers):
    videos = write_corpus(tmp_path / "videos", n_train=6)
    for name in ("a.mp4", "b.mp4"):
        (videos / "train/walk" / name).write_bytes(b"")
    config = small_config(videos, tmp_path / "run", workers=workers)
    config.data.max_failures = 1
    with pytest.raises(UserError, match="2 videos could not be read.*allows 1"):
        fit(config)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_mistake_in_the_program_is_shown_whole(corpus, tmp_path, workers, monkeypatch):
    from datasets.clips import training
    from datasets.clips.errors import ClipError

    def broken(*_):
        raise AttributeError("a bug in the sampling")

    monkeypatch.setattr(training, "random_clip", broken)
    with pytest.raises(ClipError, match="a bug in the sampling"):
        fit(small_config(corpus, tmp_path / "run", workers=workers))
