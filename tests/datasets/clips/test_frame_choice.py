import numpy as np
import pytest

from datasets.clips.frame_choice import (
    centre_clip,
    clip_at,
    even_clips,
    random_clip,
    sliding_windows,
)


def starts(windows):
    return [int(frames[0]) for frames in windows]


def test_random_clips_reach_the_first_and_the_last_valid_start():
    generator = np.random.default_rng(0)
    starts = {random_clip(20, 16, 1, generator)[0] for _ in range(200)}
    assert starts == {0, 1, 2, 3, 4}


def test_the_same_generator_state_gives_the_same_clip():
    clips = [random_clip(300, 16, 2, np.random.default_rng([7, 1, 3])) for _ in range(2)]
    np.testing.assert_array_equal(*clips)


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_stride_is_honoured_everywhere(stride):
    generator = np.random.default_rng(0)
    clips = [
        random_clip(200, 8, stride, generator),
        centre_clip(200, 8, stride),
        *even_clips(200, 8, stride, 3),
        *list(sliding_windows(200, 8, stride, 16))[:-1],
    ]
    for clip in clips:
        np.testing.assert_array_equal(np.diff(clip), stride)


def test_a_short_video_is_looped():
    expected = [0, 1, 2, 3, 4, 0, 1, 2]
    generator = np.random.default_rng(0)
    np.testing.assert_array_equal(random_clip(5, 8, 1, generator), expected)
    np.testing.assert_array_equal(centre_clip(5, 8, 1), expected)
    np.testing.assert_array_equal(even_clips(5, 8, 1, 3), [expected])
    np.testing.assert_array_equal(sliding_windows(5, 8, 1, 8), [expected])


def test_a_video_of_one_frame_stands_still():
    np.testing.assert_array_equal(random_clip(1, 4, 2, np.random.default_rng(0)), [0, 0, 0, 0])


def test_even_clips_span_the_video_without_repeats():
    np.testing.assert_array_equal(starts(even_clips(100, 16, 1, 3)), [0, 42, 84])
    np.testing.assert_array_equal(starts(even_clips(17, 16, 1, 3)), [0, 1])
    np.testing.assert_array_equal(starts(even_clips(100, 16, 1, 1)), [42])


def test_the_last_sliding_window_is_looped_and_ends_the_video():
    windows = sliding_windows(40, 16, 1, 16)
    np.testing.assert_array_equal(starts(windows), [0, 16, 32])
    np.testing.assert_array_equal(windows[-1], [*range(32, 40), *range(32, 40)])


def test_windows_that_fit_exactly_need_no_looped_one():
    np.testing.assert_array_equal(starts(sliding_windows(32, 16, 1, 16)), [0, 16])


def test_the_windows_of_hours_of_video_take_no_memory():
    windows = sliding_windows(10_000_000, 16, 1, 1)
    assert len(windows) == 9_999_986
    np.testing.assert_array_equal(windows[9_000_000], range(9_000_000, 9_000_016))
    np.testing.assert_array_equal(windows[-1], [*range(9_999_985, 10_000_000), 9_999_985])


def test_frames_stay_inside_the_video():
    generator = np.random.default_rng(0)
    for n_frames in range(1, 60):
        clips = [
            random_clip(n_frames, 16, 3, generator),
            *even_clips(n_frames, 16, 3, 3),
            *sliding_windows(n_frames, 16, 3, 5),
        ]
        assert all(clip.min() >= 0 and clip.max() < n_frames for clip in clips)


def test_a_start_outside_the_video_is_refused():
    with pytest.raises(ValueError, match="frame 5 of 5"):
        clip_at(5, 5, 16, 1)
