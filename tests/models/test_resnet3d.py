import numpy as np
import paddle
import pytest

import models
from tests import golden

LOGITS = np.load(golden.DATA / "r3d_logits.npz")


@pytest.mark.parametrize("name", LOGITS.files)
def test_logits_equal_the_original_networks(name):
    published = golden.published()[name]
    network = models.build(depth=published["depth"], n_classes=published["n_classes"])
    golden.fill(network)
    network.eval()
    with paddle.no_grad():
        logits = network(paddle.to_tensor(golden.waves(7, 2, 3, 16, 112))).numpy()
    error = np.linalg.norm(logits - LOGITS[name]) / np.linalg.norm(LOGITS[name])
    assert error < 1e-5


def test_six_sgd_steps_follow_the_original():
    trajectory = np.load(golden.DATA / "sgd_trajectory.npz")
    network = models.build(depth=10, widen_factor=0.25, n_classes=5)
    golden.fill(network)
    optimizer = paddle.optimizer.Momentum(
        3e-4, momentum=0.9, weight_decay=0.5, parameters=network.parameters()
    )
    losses = []
    network.train()
    for step in range(6):
        clips = paddle.to_tensor(golden.waves(100 + step, 8, 3, 16, 64))
        labels = paddle.to_tensor([(step + i) % 5 for i in range(8)])
        loss = paddle.nn.functional.cross_entropy(network(clips), labels)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    np.testing.assert_allclose(losses, trajectory["losses"], rtol=2e-4)

    network.eval()
    with paddle.no_grad():
        logits = network(paddle.to_tensor(golden.waves(999, 8, 3, 16, 64))).numpy()
    expected = trajectory["final_eval_logits"]
    # Paddle keeps the biased running variance, PyTorch the unbiased one.
    assert np.linalg.norm(logits - expected) / np.linalg.norm(expected) < 0.02


@pytest.mark.parametrize("depth", [18, 50])
def test_parameter_names_are_those_of_pytorch(depth):
    network = models.build(depth=depth, n_classes=7)
    ours = {
        name.replace("._mean", ".running_mean").replace("._variance", ".running_var")
        for name in network.state_dict()
    }
    theirs = {n for n in golden.state_dict(depth, 7) if not n.endswith("num_batches_tracked")}
    assert ours == theirs


def test_shortcut_a_carries_its_gradient():
    network = models.build(depth=10, shortcut="A", widen_factor=0.25, n_classes=3)
    # Silence the convolutions of the last stage: only the shortcut is left to carry a gradient.
    network.layer4[0].bn2.weight.set_value(paddle.zeros([128]))
    network(paddle.randn([2, 3, 8, 32, 32])).sum().backward()
    assert float(network.layer3[0].conv1.weight.grad.abs().sum()) > 0


def test_stem_options_change_the_network():
    small_stem = models.build(
        depth=10, n_classes=3, widen_factor=0.25, conv1_t_size=3, conv1_t_stride=2, max_pool=False
    )
    assert small_stem.conv1.weight.shape == [16, 3, 3, 7, 7]
    assert small_stem(paddle.randn([1, 3, 8, 32, 32])).shape == [1, 3]


def test_a_one_frame_clip_and_a_small_frame_go_through():
    network = models.build(depth=10, n_classes=3, widen_factor=0.25)
    assert network(paddle.randn([2, 3, 1, 16, 16])).shape == [2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 19}, "no R3D of depth 19"),
        ({"architecture": "c3d"}, "unknown architecture"),
        ({"shortcut": "C"}, "unknown shortcut"),
        ({"conv1_t_size": 4}, "must be odd"),
        ({"widen_factor": 0.001}, "without channels"),
    ],
)
def test_an_unknown_option_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        models.build(**options)
