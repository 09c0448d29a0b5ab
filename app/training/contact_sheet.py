"""Pictures of a run, as uint8 RGB arrays."""

import logging

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# VisualDL lets every library's chatter through, and matplotlib warns that its first use takes long.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

# Clips on a contact sheet, and frames of each.
SHEET_CLIPS = 8
SHEET_FRAMES = 8
# Small: the dashboard's log grows by every picture.
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
        line[0].text(-0.08, 0.5, name, ha="right", va="center", transform=line[0].transAxes)
    return _render(figure)


def confusion_matrix(matrix, labels):
    """A confusion matrix, every row as shares of its class.

    Args:
        matrix: int `[n_classes, n_classes]`: number of videos by true class (row) and predicted
            class (column).
        labels: Class names.

    Returns:
        uint8 `[height, width, 3]`.
    """
    n = len(labels)
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    side = min(18, 3.5 + 0.35 * n)
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axis = figure.subplots()
    axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    font = 9 if n <= 40 else max(3, 400 / n)
    axis.set_xticks(range(n), labels, rotation=90, fontsize=font)
    axis.set_yticks(range(n), labels, fontsize=font)
    if n <= 20:
        for row, column in zip(*matrix.nonzero(), strict=True):
            colour = "white" if shares[row, column] > 0.6 else "black"
            axis.text(column, row, matrix[row, column], ha="center", va="center", color=colour)
    return _render(figure)


def _render(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
