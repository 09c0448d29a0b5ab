import math

import numpy as np
import pytest

from app.training.soundness import judge

USUAL = [np.array([0.5, -2.0], np.float32), np.ones([3, 3], np.float32)]


def test_a_usual_training_is_sound():
    assert judge(USUAL, 1.25, 3) == {"loss": 1.25, "largest_weight": 2.0, "sound": True}


@pytest.mark.parametrize("value", [math.inf, math.nan, -9e30])
def test_weights_that_are_huge_or_not_finite_are_not_sound(value):
    facts = judge([*USUAL, np.array([value], np.float32)], 1.25, 3)
    assert not facts["sound"]
    assert facts["largest_weight"] == (pytest.approx(9e30) if value == -9e30 else None)


def test_a_loss_is_judged_by_that_of_guessing():
    assert not judge(USUAL, 30.0, 3)["sound"]
    assert judge(USUAL, 30.0, 700)["sound"]


def test_an_unknown_loss_is_no_reason_for_doubt():
    assert judge(USUAL, math.nan, 3) == {"loss": None, "largest_weight": 2.0, "sound": True}
