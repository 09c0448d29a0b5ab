"""Charts of a report, as SVG to be put into a page."""

import io
import re

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Text stays text: small files, and the reader's fonts know Chinese and emoji.
STYLE = {
    "svg.fonttype": "none",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "report",
}


def curves(lines, y_label, percent=False):
    """Values over epochs.

    Args:
        lines: List of `(name, epochs, values, style)`, style being a colour number and whether the
            line is dashed.
        y_label: What the values are.
        percent: Whether they are shares, drawn from 0 to 1.

    Returns:
        The SVG as text.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 3.4), layout="constrained")
        axis = figure.subplots()
        for name, epochs, values, (colour, dashed) in lines:
            axis.plot(
                epochs,
                values,
                color=f"C{colour % 10}",
                ls="--" if dashed else "-",
                marker="o" if len(epochs) < 3 else None,
                label=_plain(name),
            )
        axis.set_xlabel("epoch")
        axis.set_ylabel(y_label)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.25)
        if percent:
            axis.set_ylim(0, 1.02)
        if len(lines) > 1:
            axis.legend(frameon=False, fontsize=10)
        return _svg(figure)


def reliability(calibration):
    """How often the network is right against how sure it says it is.

    Args:
        calibration: `Calibration`.

    Returns:
        The SVG as text.
    """
    n = len(calibration.videos)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 4.2), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        places = (np.arange(n) + 0.5) / n
        above.bar(places, np.nan_to_num(calibration.accuracy), 0.92 / n, color="C0", alpha=0.8)
        above.plot([0, 1], [0, 1], color="0.4", ls="--", lw=1)
        above.set(ylim=(0, 1.02), xlim=(0, 1), ylabel="share that is right")
        below.bar(places, calibration.videos, 0.92 / n, color="0.6")
        below.set(xlabel="score of the predicted class", ylabel="videos")
        return _svg(figure)


def confusion_heat(matrix):
    """A confusion matrix as a picture without names, which stand beside it as text.

    Args:
        matrix: int `[n_classes, n_classes]`, videos by true class (row) and predicted class.

    Returns:
        The SVG as text.
    """
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.4, 5.2), layout="constrained")
        axis = figure.subplots()
        # The square root makes the single mistakes visible beside the diagonal.
        axis.imshow(np.sqrt(shares), vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
        axis.set(xlabel="number of the predicted class", ylabel="number of the true class")
        for ticks in (axis.xaxis, axis.yaxis):
            ticks.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if len(matrix) <= 12:
            for row, column in zip(*matrix.nonzero(), strict=True):
                colour = "white" if shares[row, column] > 0.35 else "black"
                axis.text(column, row, matrix[row, column], ha="center", va="center", color=colour)
        return _svg(figure)


def _plain(text):
    # A dollar sign in a name is no formula, and an underscore in front hides nothing.
    return text.replace("$", r"\$") if not text.startswith("_") else " " + text.replace("$", r"\$")


def _svg(figure):
    file = io.StringIO()
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    # Without a size of its own a picture is as wide as the page gives it room.
    return re.sub(r' (width|height)="[^"]*pt"', "", svg[svg.index("<svg") :], count=2)
