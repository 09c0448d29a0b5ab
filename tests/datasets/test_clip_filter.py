"""What an evaluation's square is scaled from: only what is needed, and the right pixels."""

import numpy as np
import pytest
from PIL import Image

from datasets.clip_filter import LARGEST_SHIFT, _necessary_part
from datasets.decoding import VideoReader
from tests.videos import write_video

# Root mean square, of 255; a picture that is off by one pixel differs by more than 10.
LARGEST_DIFFERENCE = 4


@pytest.mark.parametrize("shape", [(320, 240), (340, 256), (1280, 720), (720, 1280), (176, 144)])
@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_pixels_of_the_part_come_from_where_they_come_from_in_the_whole(shape, share):
    length, scaled = max(shape), int(112 * max(shape) / min(shape))
    place = round(share * (scaled - 112))
    start, part, part_scaled, part_place = _necessary_part(length, scaled, 112, place, 2)
    assert start % 2 == part % 2 == 0 and 0 <= start <= start + part <= length
    assert 0 <= part_place <= part_scaled - 112
    for pixel in (0, 111.999):
        whole = (place + pixel) * length / scaled
        ours = start + (part_place + pixel) * part / part_scaled
        assert abs(ours - whole) <= (LARGEST_SHIFT + 0.001) * length / scaled


def test_much_of_a_wide_frame_is_left_out():
    _, part, _, _ = _necessary_part(1280, 199, 112, 44, 2)
    assert part < 900


def test_where_nothing_fits_the_whole_is_scaled():
    assert _necessary_part(61, 57, 56, 1, 4) == (0, 61, 57, 1)


@pytest.mark.parametrize("size", [(320, 180), (180, 320), (170, 128), (161, 121)])
def test_an_evaluation_square_is_what_pillow_gives(tmp_path, size):
    """Short side scaled to 112, then the centred square: torchvision's and the original's way."""
    width, height = size
    path = tmp_path / "a.mp4"
    # Only without chroma of half the size can a side be odd.
    pixel_format = "yuv444p" if width % 2 else "yuv420p"
    options = {"crf": "1"}
    write_video(
        path, width=width, height=height, frames=3, pixel_format=pixel_format, options=options
    )
    with VideoReader(path) as video:
        clip = video.read_clip(0, frames=3)
        frames = video.read([0, 1, 2])
    width, height = (int(112 * side / min(size)) for side in size)
    left, top = round((width - 112) / 2), round((height - 112) / 2)
    for frame, ours in zip(frames, clip.transpose(1, 2, 3, 0), strict=True):
        scaled = Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR)
        wanted = np.asarray(scaled.crop((left, top, left + 112, top + 112)), np.float32)
        assert np.sqrt(np.mean((ours - wanted) ** 2)) < LARGEST_DIFFERENCE
