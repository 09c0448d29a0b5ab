"""A picture of clips for the dashboard."""

import numpy as np

from app.drawing import PLAIN, Figure, pixels
from datasets.shown import shown

# Clips on a contact sheet, and frames of each: few, for the dashboard shows it 300 pixels wide, and
# small, for its log keeps every sheet.
SHEET_CLIPS = 4
SHEET_FRAMES = 5
PIXELS_PER_FRAME = 80
# Height of a name above its frames, as a share of theirs.
NAME = 0.3


def contact_sheet(clips, names):
    """Clips as one picture: a row per clip, with its name above it, a column per frame.

    Args:
        clips: uint8 `[N, 3, T, H, W]`.
        names: Names of the N clips.

    Returns:
        uint8 `[height, width, 3]`.
    """
    n_frames = clips.shape[2]
    columns = min(SHEET_FRAMES, n_frames)
    chosen = np.linspace(0, n_frames - 1, columns).round().astype(int)
    rows = min(SHEET_CLIPS, len(clips))
    figure = Figure(figsize=(columns, rows * (1 + NAME)), dpi=PIXELS_PER_FRAME)
    for row, (clip, name) in enumerate(zip(clips[:rows], names, strict=False)):
        bottom = 1 - (row + 1) / rows
        for column, frame in enumerate(chosen):
            place = (column / columns, bottom, 1 / columns, 1 / rows / (1 + NAME))
            axis = figure.add_axes(place)
            axis.imshow(clip[:, frame].transpose(1, 2, 0), interpolation="nearest")
            axis.axis("off")
        middle = bottom + (1 + NAME / 2) / rows / (1 + NAME)
        figure.text(0.01, middle, shown(name), va="center", fontsize=13, **PLAIN)
    return pixels(figure)
