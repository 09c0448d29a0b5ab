"""Draws a line of text on video frames."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.drawing import font_file
from datasets.shown import shown

# Share of the frame's height, and the smallest size in pixels that can be read.
TEXT_HEIGHT = 1 / 16
SMALLEST = 9
# How much of the picture shines through the bar behind the text.
SHINE = 0.35


def draw_caption(picture, text):
    """Write a line of text on a dark bar at the top of a picture, in place.

    Args:
        picture: uint8 ``[H, W, 3]`` RGB.
        text: The text; it is made smaller, then cut, until it fits.
    """
    height, width = picture.shape[:2]
    ink = _render(shown(text), width, height)[:height]
    bar = picture[: len(ink)]
    ink = ink[..., None]
    bar[:] = (bar * (SHINE * (1 - ink)) + 255 * ink).astype(np.uint8)


@lru_cache(maxsize=4)
def _render(text, width, height):
    """The text as float32 ``[bar height, width]``, 1 where there is ink."""
    size = max(SMALLEST, round(height * TEXT_HEIGHT))
    margin = size // 2
    file = font_file(text)
    font = ImageFont.truetype(file, size)
    while size > SMALLEST and font.getlength(text) > width - 2 * margin:
        size -= 1
        font = ImageFont.truetype(file, size)
    while len(text) > 1 and font.getlength(text) > width - 2 * margin:
        text = text[:-2] + "…"
    ascent, descent = font.getmetrics()
    image = Image.new("L", (width, ascent + descent + margin))
    ImageDraw.Draw(image).text((margin, margin // 2), text, fill=255, font=font)
    return np.asarray(image, np.float32) / 255
