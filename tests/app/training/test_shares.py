"""One and two processes take the same steps where BatchNorm is frozen, and say what differs."""

import subprocess
import sys

import numpy as np
import paddle
import pytest

import models
from app.configuration import FitConfig, ModelConfig, OptimConfig, TrainConfig
from app.training.optimizer import build_optimizer
from app.training.processes import TrainingProcesses
from app.training.shares import other_number, other_threads, small_share
from app.training.video_model import VideoModel
from tests.app.several import ENVIRONMENT, finish, start_pair
from tests.app.small_run import PROJECT

STEPS, CLIPS = 4, 6


def frozen_network():
    """A tiny network of which everything is trained but the statistics of BatchNorm."""
    paddle.seed(0)
    network = models.build(depth=10, widen_factor=0.1, conv1_t_size=3, n_classes=3)
    for layer in network.sublayers():
        if isinstance(layer, paddle.nn.BatchNorm3D):
            layer._use_global_stats = True
    return network


class Constant:
    """A schedule of the learning rate that stays."""

    scheduler = 0.1


def train_some_steps(path):
    """Train on this process's share of the same clips; process 0 writes what became of it."""
    network = frozen_network()
    losses = []
    with TrainingProcesses(timeout=60) as processes:
        with processes.exchanging():
            recogniser = models.Recogniser(network, models.Normalisation())
            model = VideoModel(recogniser, 3, STEPS, processes)
        model.prepare_training(build_optimizer(OptimConfig(), network, Constant))
        generator = np.random.default_rng(0)
        for _ in range(STEPS):
            clips = generator.integers(0, 256, (CLIPS, 3, 4, 32, 32), dtype=np.uint8)
            labels = generator.integers(0, 3, CLIPS)
            own = slice(processes.rank, None, processes.number)
            batch = [paddle.to_tensor(part[own]) for part in (clips, labels)]
            loss = paddle.to_tensor(model.train_batch(batch[:1], batch[1:]))
            processes.average([loss])
            losses.append(loss.numpy())
        if processes.rank == 0:
            state = {name: value.numpy() for name, value in network.state_dict().items()}
            np.savez(path, losses=losses, **state)


def test_with_batch_norm_frozen_two_processes_take_the_steps_of_one(tmp_path):
    def words(name):
        call = f"import sys; from {__name__} import train_some_steps as t; t(sys.argv[1])"
        return [sys.executable, "-c", call, str(tmp_path / name)]

    subprocess.run(words("one.npz"), cwd=PROJECT, env=ENVIRONMENT, check=True, timeout=120)
    results = finish(start_pair(words("two.npz")))
    assert [code for code, *_ in results] == [0, 0], results
    one, two = np.load(tmp_path / "one.npz"), np.load(tmp_path / "two.npz")
    assert len(one["losses"]) == STEPS and one["losses"][-1] != one["losses"][0]
    start = {name: value.numpy() for name, value in frozen_network().state_dict().items()}
    moved = 0
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=4e-6, err_msg=name)
        moved = max(moved, np.abs(one[name] - start[name]).max() if name in start else 0)
    # What is so close has come a thousand times as far.
    assert moved > 4e-3


@pytest.mark.parametrize(
    "batch_size, n_processes, warns", [(16, 4, True), (7, 1, False), (16, 2, False)]
)
def test_a_small_share_of_clips_is_warned_about(batch_size, n_processes, warns):
    network = models.build(depth=10, widen_factor=0.1, conv1_t_size=3, n_classes=3)
    line = small_share(network, batch_size, n_processes)
    assert (line is not None) == warns
    if warns:
        assert "4 clips per step in each of 4 processes" in line
        assert "--train.batch_size" in line and "--train.sync_batch_norm" in line
    assert small_share(frozen_network(), batch_size, n_processes) is None


def test_another_number_of_processes_is_exact_or_said_not_to_be():
    plain = FitConfig(model=ModelConfig(), train=TrainConfig())
    mixed = FitConfig(model=ModelConfig(dropout=0.5), train=TrainConfig(mixup=0.2))
    assert other_number(frozen_network(), plain, 2, 2) is None
    assert other_number(frozen_network(), plain, None, 2) is None
    assert "exact up to float sums" in other_number(frozen_network(), plain, 1, 2)
    line = other_number(frozen_network(), mixed, 2, 1)
    assert "1 process now, 2 before" in line and "--model.dropout, --train.mixup" in line
    trained = models.build(depth=10, widen_factor=0.1, conv1_t_size=3, n_classes=3)
    assert "more than float sums: BatchNorm" in other_number(trained, plain, 2, 1)


def test_another_number_of_threads_is_said_aloud():
    assert other_threads(2, 2) is None
    assert other_threads(2, 1).startswith("threads: 2 before, 1 now")
