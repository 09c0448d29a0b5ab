import os
import subprocess
import sys
from pathlib import Path

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
