import io

import numpy as np
from PIL import Image

from app.training.contact_sheet import contact_sheet


def test_a_sheet_of_many_clips_stays_small():
    """Noise, which cannot be compressed at all; a sheet of real clips takes two thirds of that."""
    clips = np.random.default_rng(0).integers(0, 256, (32, 3, 16, 112, 112), dtype=np.uint8)
    sheet = contact_sheet(clips, [f"a class of name {i}" for i in range(32)])
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "png")
    assert len(file.getvalue()) < 410_000


def test_a_sheet_has_a_row_per_clip_and_a_column_per_frame():
    clips = np.zeros((2, 3, 4, 8, 8), np.uint8)
    clips[1, 0, 3] = 255
    sheet = contact_sheet(clips, ["walk", "run"])
    height, width, _ = sheet.shape
    assert (height, width) == (2 * 104, 4 * 80)
    assert (sheet[height - 10, width - 10] == (255, 0, 0)).all()
    assert (sheet[height - 10, width - 80 - 10] == 0).all()
    assert (sheet[50, width - 10] == 0).all()
    # The names stand above.
    for top in (0, 104):
        assert sheet[top : top + 24].min() < 128 and (sheet[top : top + 24] == 255).mean() > 0.5
