import colorsys

import numpy as np
import pytest

from datasets.clips.colour import GREY, ColourJitter, apply_matrix, colour_matrix


@pytest.fixture
def clip():
    return np.random.default_rng(0).integers(0, 256, (3, 5, 33, 47), dtype=np.uint8)


@pytest.mark.parametrize("seed", range(20))
def test_whole_numbers_come_close_to_real_ones(clip, seed):
    generator = np.random.default_rng(seed)
    matrix = generator.uniform(0.4, 1.9) * colour_matrix(generator.uniform(0, 1.4), seed / 20)
    offset = generator.uniform(-60, 60)
    wanted = np.tensordot(matrix, clip.astype(float), axes=1) + offset
    got = apply_matrix(clip, matrix, offset)
    assert got is clip
    assert np.abs(got - wanted.clip(0, 255)).max() <= 5


def test_no_jitter_changes_nothing(clip):
    np.testing.assert_array_equal(ColourJitter()(clip.copy(), np.random.default_rng(0)), clip)
    assert not ColourJitter() and ColourJitter(hue=0.1)


def test_all_frames_change_alike():
    frame = np.random.default_rng(1).integers(0, 256, (3, 1, 20, 20), dtype=np.uint8)
    still = np.repeat(frame, 6, axis=1)
    jittered = ColourJitter(0.4, 0.4, 0.4, 0.1)(still.copy(), np.random.default_rng(2))
    assert (jittered == jittered[:, :1]).all() and (jittered != still).any()


def test_greyscale_leaves_no_colour(clip):
    grey = ColourJitter(greyscale=1.0)(clip.copy(), np.random.default_rng(0))
    assert (grey == grey[:1]).all()
    wanted = np.tensordot(GREY, clip.astype(float), axes=1)
    assert np.abs(grey[0] - wanted).max() <= 5


def test_greys_stay_grey():
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8), (3, 1, 1, 256))
    for seed in range(20):
        out = ColourJitter(0.4, 0.4, 0.4, 0.5)(ramp.copy(), np.random.default_rng(seed))
        assert (out == out[:1]).all()


def test_brightness_multiplies_and_contrast_keeps_the_mean():
    flat = np.full((3, 4, 8, 8), 100, np.uint8)
    brighter = ColourJitter(brightness=0.5)(flat.copy(), np.random.default_rng(3))
    factor = np.random.default_rng(3).uniform(0.5, 1.5)
    assert np.abs(brighter.astype(float) - 100 * factor).max() <= 2
    assert np.abs(ColourJitter(contrast=0.9)(flat, np.random.default_rng(3)) - 100.0).max() <= 1


def test_a_hue_of_a_third_takes_red_to_green_or_blue():
    red = np.zeros((3, 1, 1, 1), np.uint8)
    red[0] = 200
    turned = [
        apply_matrix(red.copy(), colour_matrix(1, hue), 0).reshape(3) for hue in (1 / 3, -1 / 3)
    ]
    hues = sorted(colorsys.rgb_to_hsv(*colour.tolist())[0] for colour in turned)
    np.testing.assert_allclose(hues, [1 / 3, 2 / 3], atol=0.06)
