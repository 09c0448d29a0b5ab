import numpy as np
import pytest

from datasets.clips.balance import balanced_order

LABELS = np.repeat([0, 1, 2, 3], [100, 30, 7, 1])


def counts_of(balance, seed=0):
    order = balanced_order(LABELS, balance, np.random.default_rng(seed))
    assert len(order) == len(LABELS)
    return np.bincount(LABELS[order], minlength=4), np.bincount(order, minlength=len(LABELS))


def test_without_balance_every_video_comes_once():
    assert (counts_of("none")[1] == 1).all()


@pytest.mark.parametrize(("balance", "power"), [("sqrt", 0.5), ("equal", 0.0)])
@pytest.mark.parametrize("seed", range(5))
def test_classes_come_as_often_as_asked_for(balance, power, seed):
    classes, videos = counts_of(balance, seed)
    shares = np.array([100, 30, 7, 1]) ** power
    assert np.abs(classes - 138 * shares / shares.sum()).max() <= 1.001
    for label in range(4):
        assert np.ptp(videos[label == LABELS]) <= 1


def test_rarely_visited_videos_change_from_epoch_to_epoch():
    seen = sum(counts_of("equal", seed)[1] for seed in range(12))
    assert (seen > 0).all()


def test_the_order_is_random_and_follows_from_the_generator():
    orders = [balanced_order(LABELS, "equal", np.random.default_rng(s)) for s in (0, 0, 1)]
    assert (orders[0] == orders[1]).all() and (orders[0] != orders[2]).any()
    assert np.abs(np.diff(LABELS[orders[0]])).astype(bool).mean() > 0.5
