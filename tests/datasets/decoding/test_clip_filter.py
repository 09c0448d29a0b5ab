"""An evaluation's square shows the pixels that the papers' way of scaling and cropping shows."""

import numpy as np
import pytest
from PIL import Image

from datasets.decoding.video_reader import VideoReader
from tests.videos import write_video

# Root mean square, of 255; a picture that is off by one pixel differs by more than 10.
LARGEST_DIFFERENCE = 4


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
