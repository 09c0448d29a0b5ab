import numpy as np
import pytest

from datasets.clips.clip_shape import ClipShape
from datasets.clips.crops import squares_along
from datasets.clips.frame_choice import even_clips, sliding_windows
from datasets.clips.views import Views


@pytest.mark.parametrize("text", ["even:3", "windows:16", "even:10,crops:3", "windows:8,crops:2"])
def test_views_are_read_as_they_are_written(text):
    assert str(Views.parse(text)) == text


def test_one_crop_is_the_usual_and_not_written():
    assert Views.parse("even:3,crops:1") == Views.parse("even:3") == Views("even", 3)


@pytest.mark.parametrize(
    "text",
    ["", "even", "even:", "even:0", "even:-1", "even:1.5", "odd:3", "windows:16,crops:0"]
    + ["crops:3", "even:3 crops:3", "even:3,crops:3,crops:3", "even:3\n", " even:3", "even:³"],
)
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="even:3, windows:16 or even:10,crops:3"):
        Views.parse(text)


def test_file_names_differ_where_views_do():
    texts = ["even:3", "windows:3", "even:3,crops:3", "even:33"]
    names = [Views.parse(text).file_name for text in texts]
    assert len(set(names)) == len(names)
    assert all(not set(name) & set("/:, ") for name in names)


def test_clips_are_those_of_the_sampling():
    times, crops = Views.parse("even:3").clips(100, 64, 48, ClipShape(16, 2, 112))
    np.testing.assert_array_equal(times, even_clips(100, 16, 2, 3))
    assert list(crops) == [(8, 0, 48, 48)] * 3
    times, crops = Views.parse("windows:16").clips(100, 64, 48, ClipShape(16, 1, 112))
    np.testing.assert_array_equal(times, sliding_windows(100, 16, 1, 16))
    assert len(crops) == len(times) == 7


def test_every_crop_shows_every_clip():
    times, crops = Views.parse("even:2,crops:3").clips(50, 64, 48, ClipShape(16, 1, 112), first=20)
    assert [frames[0] for frames in times] == [20, 20, 20, 54, 54, 54]
    assert list(crops) == [(0, 0, 48, 48), (8, 0, 48, 48), (16, 0, 48, 48)] * 2


def test_crops_lie_along_the_longer_side_from_end_to_end():
    assert squares_along(64, 48, 3) == [(0, 0, 48, 48), (8, 0, 48, 48), (16, 0, 48, 48)]
    assert squares_along(48, 64, 2) == [(0, 0, 48, 48), (0, 16, 48, 48)]
    assert squares_along(48, 64, 1) == [(0, 8, 48, 48)]
    assert squares_along(48, 48, 3) == [(0, 0, 48, 48)] * 3


def test_the_number_of_clips_is_bounded_or_grows_with_the_video():
    assert Views.parse("even:10,crops:3").most_clips == 30
    assert Views.parse("windows:16").most_clips is None
