"""Figures as arrays of pixels, and matplotlib without its chatter."""

import logging
import warnings

import numpy as np

# It tells of its font cache while it is imported, and VisualDL lets the chatter of every library
# through.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402

__all__ = ["PLAIN", "Figure", "Rectangle", "pixels"]

# For texts: a class may be called "$5 bill", which is no formula.
PLAIN = {"parse_math": False}


def pixels(figure):
    """Draw a figure: uint8 RGB `[height, width, 3]`."""
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # Names in scripts that the font lacks are shown as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
