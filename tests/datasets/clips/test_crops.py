import numpy as np
import pytest

from datasets.clips.crops import random_resized_crop
from datasets.decoding.clip_filter import centred_square


@pytest.mark.parametrize(
    ("size", "expected"),
    [((320, 240), (40, 0, 240, 240)), ((240, 320), (0, 40, 240, 240)), ((7, 4), (1, 0, 4, 4))],
)
def test_centre_square(size, expected):
    assert centred_square(*size) == expected


def test_random_crops_keep_to_the_frame_the_scale_and_the_ratio():
    generator = np.random.default_rng(0)
    for _ in range(500):
        x, y, w, h = random_resized_crop(320, 240, generator)
        assert x >= 0 and y >= 0 and x + w <= 320 and y + h <= 240
        assert 0.24 <= w * h / (320 * 240) <= 1
        assert 0.73 <= w / h <= 1.36


def test_random_crops_reach_every_border():
    generator = np.random.default_rng(0)
    crops = [random_resized_crop(20, 16, generator) for _ in range(500)]
    assert min(x for x, _, _, _ in crops) == 0
    assert max(x + w for x, _, w, _ in crops) == 20
    assert max(y + h for _, y, _, h in crops) == 16


def test_a_frame_far_too_wide_falls_back_to_an_allowed_ratio():
    x, y, w, h = random_resized_crop(1000, 10, np.random.default_rng(0), scale=(0.9, 1))
    assert (y, h) == (0, 10) and w == 13 and x == 493
