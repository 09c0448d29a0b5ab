import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from app.training.loss import ClipLoss, class_weights
from app.training.mixing import Mix, mix_losses


@pytest.fixture
def logits():
    return paddle.to_tensor(np.random.default_rng(0).normal(size=(6, 5)).astype("float32") * 3)


LABELS = np.array([0, 4, 2, 2, 1, 0])


def test_plain_loss_is_cross_entropy_to_the_bit(logits):
    labels = paddle.to_tensor(LABELS)
    wanted = F.cross_entropy(logits, labels, reduction="none").reshape([-1])
    assert (ClipLoss()(logits, labels).numpy() == wanted.numpy()).all()


def test_smoothing_is_cross_entropy_with_a_softened_target(logits):
    target = np.eye(5)[LABELS] * 0.9 + 0.1 / 5
    wanted = -(target * F.log_softmax(logits).numpy()).sum(1)
    got = ClipLoss(label_smoothing=0.1)(logits, paddle.to_tensor(LABELS))
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-5)


def test_weights_multiply_and_are_one_on_average():
    counts = np.array([900, 90, 10, 0])
    for kind in ("inverse", "effective"):
        weights = class_weights(counts, kind)
        assert (weights * counts).sum() == pytest.approx(1000, rel=1e-5) and weights[3] == 0
    inverse, effective = (class_weights(counts, kind) for kind in ("inverse", "effective"))
    np.testing.assert_allclose(inverse[:3] / inverse[0], [1, 10, 90], rtol=1e-5)
    # The 1,000th video of a class brings less than its first.
    assert 50 < effective[2] / effective[0] < 90


def test_the_gradient_of_a_clip_grows_with_its_class_weight(logits):
    weights = np.array([1, 1, 3, 1, 0], np.float32)
    logits.stop_gradient = False
    ClipLoss(weights=weights)(logits, paddle.to_tensor(LABELS)).sum().backward()
    weighted = logits.grad.numpy().copy()
    logits.clear_gradient()
    ClipLoss()(logits, paddle.to_tensor(LABELS)).sum().backward()
    np.testing.assert_allclose(weighted, logits.grad.numpy() * weights[LABELS, None], rtol=1e-5)


TARGETS = (np.random.default_rng(1).random((6, 5)) < 0.4).astype(np.float32)


def probabilities(logits):
    return 1 / (1 + np.exp(-logits.numpy().astype(float)))


def test_several_labels_are_decisions_of_their_own(logits):
    p = probabilities(logits)
    wanted = -(TARGETS * np.log(p) + (1 - TARGETS) * np.log(1 - p)).mean(1)
    got = ClipLoss()(logits, paddle.to_tensor(TARGETS))
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_of_a_decision_is_how_far_it_is_off(logits, smoothing):
    weights = np.array([1, 1, 3, 1, 4], np.float32)
    logits.stop_gradient = False
    ClipLoss(smoothing, weights)(logits, paddle.to_tensor(TARGETS)).sum().backward()
    targets = TARGETS * (1 - smoothing) + smoothing / 2
    # Ten in all: a weight is its share of the mean over the classes.
    wanted = (probabilities(logits) - targets) * weights / 10
    np.testing.assert_allclose(logits.grad.numpy(), wanted, rtol=1e-4, atol=1e-7)


def test_mixed_clips_have_the_labels_of_both_by_share(logits):
    mix = Mix(0.75)
    got = mix_losses(ClipLoss(), logits, paddle.to_tensor(TARGETS), mix)
    soft = 0.75 * TARGETS + 0.25 * TARGETS[::-1]
    wanted = ClipLoss()(logits, paddle.to_tensor(np.ascontiguousarray(soft)))
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-5)
