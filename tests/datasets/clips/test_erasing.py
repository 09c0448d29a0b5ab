import numpy as np

from datasets.clips.erasing import RandomErasing


def test_a_rectangle_is_erased_in_all_frames_alike():
    clip = np.zeros((3, 4, 40, 60), np.uint8)
    out = RandomErasing(1.0)(clip.copy(), np.random.default_rng(0))
    changed = (out != 0).any(axis=(0, 1))
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert 0.02 * 0.8 <= height * width / changed.size <= 0.33 * 1.1
    assert changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.95
    assert (out == out[:, :1]).all()


def test_as_many_clips_are_erased_as_asked_for():
    erase = RandomErasing(0.3)
    generator = np.random.default_rng(1)
    blank = np.zeros((3, 1, 16, 16), np.uint8)
    assert 240 <= sum(erase(blank.copy(), generator).any() for _ in range(1000)) <= 360
    assert not RandomErasing() and not RandomErasing()(blank, generator).any()
