"""Figures as arrays of pixels, matplotlib without its chatter, and fonts with Chinese letters."""

import functools
import logging
import re
import sys
import warnings
from pathlib import Path

import numpy as np
from tqdm import tqdm

# It tells of its font cache while it is imported, and VisualDL lets the chatter of every library
# through.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

import matplotlib  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.font_manager import findSystemFonts, fontManager, get_font  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402
from matplotlib.text import Text  # noqa: E402

__all__ = ["PLAIN", "Figure", "Rectangle", "font_file", "pixels"]

# For texts: a class may be called "$5 bill", which is no formula.
PLAIN = {"parse_math": False}
# matplotlib brings this font along, so it is the same everywhere.
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
# Chinese, Japanese and Korean letters, and how the files of fonts begin that have them, those that
# go best with the usual one first.
CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
CJK_FONTS = (
    *("notosanscjk", "notosanssc", "sourcehansans", "wqy", "pingfang", "msyh", "simhei"),
    *("stheiti", "hiragino", "malgun", "droidsansfallback", "arialunicode", "arial unicode"),
)


def font_file(text):
    """The file of a font that has the letters of a text; of the usual one where there is none.

    Args:
        text: What is to be drawn.
    """
    return (CJK.search(text) and _cjk_font()) or FONT


def pixels(figure):
    """Draw a figure: uint8 RGB `[height, width, 3]`."""
    texts = [text for text in figure.findobj(Text) if CJK.search(text.get_text())]
    if texts and _cjk_font():
        for text in texts:
            text.set_family(["sans-serif", get_font(_cjk_font()).family_name])
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # Names in scripts that no font has are shown as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@functools.cache
def _cjk_font():
    """The file of a font with Chinese letters; None where there is none, which is said once."""
    # matplotlib's own list is as old as its cache, and may not know a font that is there.
    files = {
        re.sub("[-_]", "", Path(file).name.lower()): file for file in sorted(findSystemFonts())
    }
    for start in CJK_FONTS:
        fitting = [name for name in files if name.startswith(start)]
        if fitting:
            # Regular before bold and other weights.
            path = files[min(fitting, key=lambda name: ("regular" not in name, name))]
            fontManager.addfont(path)
            return path
    tqdm.write(
        "no font with Chinese letters is installed: such names are drawn as boxes; Debian and "
        "Ubuntu have fonts-noto-cjk",
        file=sys.stderr,
    )
    return None
