import warnings

import numpy as np
import pytest

from app.evaluation.confusion import (
    confusion_card,
    confusion_picture,
    group_classes,
    worst_confusions,
)


def test_the_worst_confusions_come_first_and_right_ones_not_at_all():
    matrix = np.array([[5, 2, 0], [3, 9, 0], [0, 2, 1]])
    assert worst_confusions(matrix, ["a", "b", "c"], 2) == [("b", "a", 3, 12), ("c", "b", 2, 3)]


def test_classes_that_are_confused_stand_together():
    matrix = np.diag([10] * 5)
    matrix[1, 4] = matrix[4, 1] = 5
    assert group_classes(matrix) == [[1, 4], [0], [2], [3]]


@pytest.mark.parametrize(
    "labels",
    [("$5 bill", "$\\frac$"), ("\x1b[2J", "tab\there"), ("\u7a7a\u624b", "bad \udcff")],
)
def test_names_of_any_kind_can_be_drawn(labels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = confusion_picture(np.array([[3, 1], [2, 4]]), labels, "\x1b val $x_1")
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    assert picture.std() > 0


def test_a_picture_for_the_dashboard_is_small_however_many_classes_there_are():
    for n_classes in (2, 400):
        labels = [f"class {number}" for number in range(n_classes)]
        matrix = np.diag(np.full(n_classes, 3))
        assert max(confusion_card(matrix, labels, 1000).shape) <= 1000
