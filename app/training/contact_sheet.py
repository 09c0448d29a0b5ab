"""A picture of clips for the dashboard."""

import numpy as np

from app.drawing import PLAIN, Figure, pixels
from datasets.shown import shown

# Clips on a contact sheet, and frames of each; small, for the dashboard's log keeps every sheet.
SHEET_CLIPS = 4
SHEET_FRAMES = 8
PIXELS_PER_FRAME = 64


def contact_sheet(clips, names):
    """Clips as one picture: a row per clip, with its name before it, a column per frame.

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
    figure = Figure(figsize=(1.8 + columns, rows), dpi=PIXELS_PER_FRAME)
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(left=1.8 / (1.8 + columns), right=1, top=1, bottom=0, wspace=0, hspace=0)
    for clip, name, line in zip(clips, names, axes, strict=False):
        for frame, axis in zip(chosen, line, strict=True):
            axis.imshow(clip[:, frame].transpose(1, 2, 0), interpolation="nearest")
            axis.axis("off")
        place = {"ha": "right", "va": "center", "transform": line[0].transAxes}
        line[0].text(-0.08, 0.5, shown(name), **place, **PLAIN)
    return pixels(figure)
