"""What each option of a recipe does, in numbers, and that a killed run goes on with all of them."""

from types import SimpleNamespace

import numpy as np
import paddle
import pytest

import models
from app.command_line import main
from app.configuration import OptimConfig
from app.training.averaged_weights import AveragedWeights
from app.training.loss import ClipLoss
from app.training.optimizer import build_optimizer
from app.training.recipe import Recipe
from app.training.video_model import VideoModel
from callbacks.training_run import Position
from tests.app.small_run import OPTIONS, start, write_corpus, write_lists
from tests.app.test_resume import records, wait_for_checkpoint
from weights.safe_reading import read_pdparams

SMALL = {"depth": 10, "widen_factor": 0.1, "conv1_t_size": 3, "n_classes": 3}


def small_network(seed=0, **options):
    paddle.seed(seed)
    return models.build(**SMALL | options)


def clips_and_labels(n=4, seed=0):
    generator = np.random.default_rng(seed)
    clips = generator.integers(0, 256, (n, 3, 4, 32, 32), dtype=np.uint8)
    return paddle.to_tensor(clips), paddle.to_tensor(generator.integers(0, 3, n))


def model_of(network, recipe=None, optim=None, averages=None):
    recogniser = models.Recogniser(network, models.Normalisation())
    model = VideoModel(recogniser, 3, 10, recipe=recipe, averages=averages)
    schedule = SimpleNamespace(scheduler=0.1)
    model.prepare_training(build_optimizer(optim or OptimConfig(), network, schedule))
    return model


def step(model, seed=0):
    clips, labels = clips_and_labels(seed=seed)
    model.train_batch([clips], [labels])


def values(network):
    return {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}


def moved(network, before):
    parameters = {name for name, p in network.named_parameters() if not p.stop_gradient}
    return {n: v - before[n] for n, v in values(network).items() if n in parameters}


def test_dropout_leaves_features_out_in_training_only():
    network = small_network()
    x = paddle.rand([8, 3, 4, 32, 32])
    network.eval()
    plain = network(x).numpy()
    network.dropout = 0.5
    np.testing.assert_array_equal(network(x).numpy(), plain)
    seen = []
    network.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numpy()))
    network.train()
    network(x)
    features = network.embed(x).numpy()
    left_out = (seen[0] == 0)[features != 0].mean()
    assert 0.35 < left_out < 0.65
    assert list(network.state_dict()) == list(small_network().state_dict())


def test_a_long_gradient_is_shortened_to_its_limit():
    network = small_network()
    plain = model_of(network, optim=OptimConfig(momentum=0.0, weight_decay=0.0))
    before = values(network)
    step(plain)
    free = moved(network, before)
    norm = np.sqrt(sum((v.astype(float) ** 2).sum() for v in free.values())) / 0.1
    assert norm == pytest.approx(plain.gradient_norm, rel=1e-4)
    for limit in (norm / 4, norm * 2):
        network = small_network()
        model = model_of(
            network, Recipe(clip_norm=limit), OptimConfig(momentum=0.0, weight_decay=0.0)
        )
        step(model)
        assert model.gradient_norm == pytest.approx(norm, rel=1e-5)
        for name, value in moved(network, before).items():
            wanted = free[name] * min(1, limit / norm)
            np.testing.assert_allclose(value, wanted, rtol=2e-3, atol=1e-7)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_what_has_one_dimension_is_spared_the_decay_when_asked(name):
    changes = {}
    for decay_all in (True, False):
        for decay in (0.0, 0.5):
            network = small_network()
            before = values(network)
            optim = OptimConfig(name=name, weight_decay=decay, decay_all=decay_all)
            step(model_of(network, optim=optim))
            changes[decay_all, decay] = moved(network, before)
    for parameter, change in changes[True, 0.0].items():
        is_spared = change.ndim <= 1
        same = {
            decay_all: np.allclose(changes[decay_all, 0.5][parameter], change, atol=1e-7)
            for decay_all in (True, False)
        }
        assert same[False] == is_spared
        # Biases begin at zero, where there is nothing to decay.
        assert not same[True] or not before[parameter].any()


def test_adamw_makes_its_own_first_step():
    network = small_network()
    before = values(network)
    step(model_of(network, optim=OptimConfig(name="adamw", weight_decay=0.1)))
    change = moved(network, before)["fc.weight"]
    # Adam's first step is the learning rate times the sign of the gradient; the decay is apart.
    decayed = before["fc.weight"] * (1 - 0.1 * 0.1)
    steps = before["fc.weight"] + change - decayed
    np.testing.assert_allclose(np.abs(steps), 0.1, rtol=1e-2)


def test_a_batch_is_always_mixed_alike_and_others_differently():
    recipe = Recipe(mixup=1.0, cutmix=1.0, seed=3)
    clips, _ = clips_and_labels()
    first, again, other = (
        recipe.mix(clips, position)[0].numpy()
        for position in (Position(1, 5, 9), Position(1, 5, 9), Position(1, 6, 10))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and (first != clips.numpy()).any()


def test_without_mixing_clips_and_loss_are_untouched():
    clips, _ = clips_and_labels()
    recipe = Recipe(ClipLoss(label_smoothing=0.1))
    mixed, loss = recipe.mix(clips, Position())
    assert mixed is clips and loss is recipe.loss


@pytest.mark.parametrize(
    "options",
    [{}, {"depth": 50}, {"architecture": "densenet", "depth": 121, "n_classes": 3}],
    ids=["basic", "bottleneck", "densenet"],
)
def test_recomputing_changes_neither_gradients_nor_statistics(options):
    if "architecture" in options:
        build = lambda: (paddle.seed(0), models.build(**options))[1]  # noqa: E731
        x = paddle.rand([2, 3, 16, 32, 32])
    else:
        build = lambda: small_network(**options)  # noqa: E731
        x = paddle.rand([2, 3, 4, 32, 32])
    found = []
    for recompute in (False, True):
        network = build()
        network.recompute = recompute
        network.train()
        network(x).square().sum().backward()
        gradients = {n: p.grad.numpy() for n, p in network.named_parameters() if p.grad is not None}
        found.append((gradients, values(network)))
    (gradients, state), (again, state_again) = found
    assert gradients.keys() == again.keys()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(again[name], gradient, rtol=1e-4, atol=1e-5, err_msg=name)
    for name, value in state.items():
        np.testing.assert_array_equal(state_again[name], value, err_msg=name)


def test_averages_are_validated_and_the_last_weights_trained_on():
    network = small_network()
    averages = AveragedWeights(network, 0.9)
    model = model_of(network, averages=averages)
    for seed in range(3):
        step(model, seed)
    assert any(
        (average.numpy() != network.state_dict()[name].numpy()).any()
        for name, average in averages.state_dict().items()
    )


def test_synchronised_batch_norm_has_the_names_of_the_usual_one():
    usual = small_network()
    other = models.build(**SMALL, layers=models.SynchronisedLayers())
    assert {n: t.shape for n, t in usual.state_dict().items()} == {
        n: t.shape for n, t in other.state_dict().items()
    }
    assert any(isinstance(layer, paddle.nn.SyncBatchNorm) for layer in other.sublayers())


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--train.sync_batch_norm", "GPUs only"),
        ("--train.precision fp16", "is for GPUs, and the device is the cpu"),
        ("--clip.hue 0.7", "0.5, is the most"),
        ("--clip.random_stride 3 1", "the smallest comes first"),
        ("--model.dropout 1", "--model.dropout 1"),
        ("--optim.ema 1", "--optim.ema 1"),
        ("--data.multi_label --data.balance sqrt", "--optim.class_weights with"),
        ("--checkpoint.monitor val_video_map", "with --data.multi_label only"),
    ],
)
def test_what_cannot_work_is_refused(words, named, capsys, tmp_path):
    arguments = ["fit", "--data.videos", str(tmp_path), "--train.device", "cpu", *words.split()]
    assert main(arguments) == 2
    assert named in capsys.readouterr().err


ALL = (
    "--model.dropout 0.3 --clip.random_stride 1 2 --clip.brightness 0.4 "
    "--clip.contrast 0.4 --clip.saturation 0.4 --clip.hue 0.1 --clip.greyscale 0.2 "
    "--clip.erasing 0.5 --train.mixup 0.2 --train.cutmix 1 --train.recompute "
    "--optim.name adamw --optim.lr 0.002 --optim.decay_all false --optim.clip_norm 1 "
    "--optim.label_smoothing 0.1 --optim.class_weights effective --optim.ema 0.9 "
    "--train.epochs 4 --checkpoint.every_steps 2 --train.workers 2"
).split()


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_killed_run_goes_on_to_the_same_bits_with_everything_on(tmp_path, capfd, multi_label):
    corpus = write_corpus(tmp_path / "corpus", n_train=4)
    for extra in (corpus / "train" / "walk").iterdir():
        (corpus / "train" / "run" / f"more{extra.name}").write_bytes(extra.read_bytes())
    if multi_label:
        lists = str(write_lists(tmp_path / "lists", corpus))
        labels = ["--data.annotation", lists, "--data.multi_label"]
    else:
        labels = ["--data.balance", "sqrt"]
    arguments = ["fit", "--data.videos", str(corpus), *labels, *OPTIONS, *ALL]
    assert main([*arguments, "--run_dir", str(tmp_path / "whole")]) == 0
    process = start(*arguments, "--run_dir", tmp_path / "killed")
    wait_for_checkpoint(process, tmp_path / "killed", "step-*6")
    process.kill()
    process.communicate(timeout=60)
    capfd.readouterr()
    assert main(["fit", "--run_dir", str(tmp_path / "killed"), "--resume"]) == 0
    assert "resuming from" in capfd.readouterr().out
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert records(whole) == records(killed)
    last = "checkpoints/" + (whole / "checkpoints" / "last").read_text().strip()
    for name in ("model.pdparams", "last.pdparams", "optimizer.pdopt"):
        assert (whole / last / name).read_bytes() == (killed / last / name).read_bytes(), name
    averaged, trained = (read_pdparams(whole / last / f"{n}.pdparams") for n in ("model", "last"))
    assert any((averaged[name] != trained[name]).any() for name in averaged)
