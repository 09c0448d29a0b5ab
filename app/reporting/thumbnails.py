"""A strip of frames of a video, small enough to have dozens of them in one page."""

import base64
import io
import os

import numpy as np
from PIL import Image

from datasets.decoding import VideoError, open_reader

# Frames of a strip, and their height in pixels.
FRAMES, HEIGHT = 4, 72
QUALITY = 55


def strip_uri(path):
    """Some frames of a video side by side, as the address of a WebP picture inside a page.

    Args:
        path: The video, or folder of frames.

    Returns:
        A `data:` address of some kB; None where the video cannot be read any more.
    """
    if not os.path.exists(path):
        return None
    try:
        with open_reader(path) as reader:
            places = np.linspace(0, len(reader) - 1, FRAMES + 2)[1:-1].round().astype(int)
            frames = reader.read(places)
    except VideoError:
        return None
    width = max(1, round(frames.shape[2] * HEIGHT / frames.shape[1]))
    strip = Image.new("RGB", (width * FRAMES, HEIGHT))
    for place, frame in enumerate(frames):
        strip.paste(Image.fromarray(frame).resize((width, HEIGHT)), (place * width, 0))
    file = io.BytesIO()
    strip.save(file, "WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
