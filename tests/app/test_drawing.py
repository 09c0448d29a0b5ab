import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app import drawing

PROJECT = Path(__file__).parents[2]


def test_matplotlib_tells_nobody_of_its_font_cache(tmp_path):
    """With a cache that is yet to be made, and a library that lets all messages through."""
    program = (
        "import logging; logging.basicConfig(level=logging.INFO)\n"
        "import app.evaluation.confusion, app.prediction.timeline, app.training.contact_sheet\n"
        "import matplotlib.font_manager; print('imported')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "imported\n", done.stderr
    assert "font" not in done.stderr.lower()
    assert list(tmp_path.glob("fontlist*"))


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Pretends that fonts of some names are installed, and no others."""

    def install(*names):
        paths = [str(tmp_path / name) for name in names]
        for path in paths:
            shutil.copy(drawing.FONT, path)
        monkeypatch.setattr(drawing, "findSystemFonts", lambda: paths)

    drawing._cjk_font.cache_clear()
    yield install
    drawing._cjk_font.cache_clear()


def test_chinese_names_take_the_best_font_that_is_there(installed, tmp_path):
    installed("simhei.ttf", "NotoSansCJK-Bold.ttc", "NotoSansCJK-Regular.ttc", "Other.ttf")
    assert drawing.font_file("跑步 run") == str(tmp_path / "NotoSansCJK-Regular.ttc")
    assert drawing.font_file("run é €") == drawing.FONT


def test_without_such_a_font_one_line_says_so(installed, capsys):
    installed("Other.ttf")
    for _ in range(2):
        assert drawing.font_file("跑步") == drawing.FONT
        drawing.pixels(drawing.Figure(figsize=(1, 1)))
    assert drawing.font_file("run") == drawing.FONT
    assert capsys.readouterr().err.count("no font with Chinese letters") == 1


@pytest.mark.skipif(drawing._cjk_font() is None, reason="no font with Chinese letters is installed")
def test_chinese_names_are_no_boxes():
    def draw(text):
        figure = drawing.Figure(figsize=(2, 1))
        figure.text(0.1, 0.5, text)
        return drawing.pixels(figure)

    # Boxes would all look alike.
    assert not np.array_equal(draw("跑步"), draw("打球"))
