import numpy as np
import pytest

from app.reporting.calibration import calibrate


def test_scores_that_keep_their_word_have_no_error():
    generator = np.random.default_rng(0)
    scores = generator.uniform(size=100_000)
    assert calibrate(scores, generator.uniform(size=100_000) < scores).expected_error < 0.01


def test_the_error_is_the_weighted_gap():
    found = calibrate([0.95, 0.95, 0.95, 0.95, 0.55], [1, 1, 0, 0, 1])
    assert found.videos[[9, 5]].tolist() == [4, 1]
    assert found.expected_error == pytest.approx((4 * 0.45 + 0.45) / 5)


def test_a_score_of_one_belongs_to_the_last_bin():
    assert calibrate([1.0, 0.0], [1, 0]).videos.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
