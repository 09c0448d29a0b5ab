import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from app.training.mixing import Mix, draw_mix, mix_clips, mix_losses


def clips_of(*values, size=8):
    return paddle.to_tensor(
        np.stack([np.full((3, 2, size, size), value, np.uint8) for value in values])
    )


def test_mixup_is_a_weighted_mean_of_partners():
    mixed = mix_clips(clips_of(0, 50, 200), Mix(0.75)).numpy()
    assert [clip.flat[0] for clip in mixed] == [50, 50, 150]
    assert mixed.dtype == np.uint8


def test_cutmix_takes_a_box_of_the_partner():
    mixed = mix_clips(clips_of(10, 20), Mix(0.9, (1, 2, 3, 4))).numpy()
    inside = np.zeros((8, 8), bool)
    inside[2:6, 1:4] = True
    assert (mixed[0][..., inside] == 20).all() and (mixed[0][..., ~inside] == 10).all()
    assert (mixed[1][..., inside] == 10).all()


def test_the_share_of_cutmix_is_that_of_the_pixels():
    for seed in range(50):
        mix = draw_mix(np.random.default_rng(seed), 30, 40, cutmix=1.0)
        x, y, width, height = mix.box
        assert 0 <= x <= x + width <= 40 and 0 <= y <= y + height <= 30
        assert mix.share == pytest.approx(1 - width * height / 1200)


def test_shares_follow_the_beta_distribution():
    shares = [draw_mix(np.random.default_rng(s), 8, 8, mixup=0.2).share for s in range(2000)]
    # Variance of Beta(a, a) is 1 / (4 (2 a + 1)).
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)
    assert np.var(shares) == pytest.approx(1 / (4 * 1.4), rel=0.08)


def test_both_are_taken_in_turn_and_neither_when_off():
    kinds = [draw_mix(np.random.default_rng(s), 8, 8, 0.5, 0.5).box is None for s in range(200)]
    assert 70 < sum(kinds) < 130
    assert draw_mix(np.random.default_rng(0), 8, 8) is None


def test_the_loss_is_that_of_soft_labels():
    generator = np.random.default_rng(0)
    logits = paddle.to_tensor(generator.normal(size=(4, 5)).astype("float32"))
    labels = paddle.to_tensor([0, 3, 1, 4])
    losses = mix_losses(
        lambda x, y: F.cross_entropy(x, y, reduction="none").reshape([-1]), logits, labels, Mix(0.7)
    )
    soft = 0.7 * np.eye(5)[[0, 3, 1, 4]] + 0.3 * np.eye(5)[[4, 1, 3, 0]]
    wanted = -(soft * F.log_softmax(logits).numpy()).sum(1)
    np.testing.assert_allclose(losses.numpy(), wanted, rtol=1e-5)
