import numpy as np
import pytest

from app.evaluation.average_precision import average_precision, mean_average_precision


def test_it_is_the_mean_precision_at_each_video_found():
    scores = np.array([[0.9], [0.8], [0.7], [0.6], [0.5]])
    targets = np.array([[1], [0], [1], [0], [1]], bool)
    assert average_precision(scores, targets) == pytest.approx([(1 + 2 / 3 + 3 / 5) / 3])


def test_a_perfect_ranking_is_one_and_the_worst_is_low():
    scores = np.linspace(1, 0, 10)[:, None]
    first, last = np.arange(10)[:, None] < 3, np.arange(10)[:, None] >= 7
    assert average_precision(scores, first) == [1.0]
    assert average_precision(scores, last) == pytest.approx([(1 / 8 + 2 / 9 + 3 / 10) / 3])


def test_equal_scores_are_found_together():
    targets = np.array([[1], [0], [0], [0]], bool)
    for order in ([0, 1, 2, 3], [3, 1, 2, 0]):
        assert average_precision(np.full((4, 1), 0.5), targets[order]) == [0.25]


def test_a_video_without_scores_is_never_found():
    scores, targets = np.array([[0.9], [0.1]]), np.array([[True], [False]])
    assert average_precision(scores, targets, [4]) == [0.25]


def test_classes_without_videos_are_left_out_of_the_mean():
    scores = np.array([[0.9, 0.3], [0.2, 0.6]])
    targets = np.array([[True, False], [False, False]])
    values = average_precision(scores, targets)
    assert np.isnan(values[1]) and mean_average_precision(values) == 1.0
    assert np.isnan(mean_average_precision(average_precision(scores, np.zeros((2, 2), bool))))
