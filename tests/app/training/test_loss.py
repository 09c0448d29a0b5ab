import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from app.training.loss import ClipLoss, class_weights


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
