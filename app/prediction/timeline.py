"""A video as segments, each with its class, and as a picture of the scores over time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from app.drawing import Figure, pixels
from datasets.shown import shown
from weights.durable import write_atomically

# Classes drawn as lines, each in its own colour; the others are grey in the strip of segments.
LINES = 8
OTHERS = "0.8"
# Steps of a line; a longer video is drawn as means over several windows, to stay readable.
STEPS = 300
# Seconds; in a shorter video, several windows begin within one of them.
SHORT = 60


@dataclass(frozen=True)
class Segment:
    """Consecutive windows with the same best class.

    Args:
        start, end: Frames, half-open; a window lasts until the next one begins.
        seconds: The times of the two; (None, None) where the source has no times.
        scores: float64 `[n_classes]`, mean over the segment's windows.
    """

    start: int
    end: int
    seconds: tuple
    scores: np.ndarray


def segments(prediction):
    """Join the windows of a video into segments.

    Args:
        prediction: `Prediction` with its windows kept.

    Returns:
        List of `Segment`, in order, from the first frame to the last.
    """
    best = np.array([number for number, _ in prediction.best])
    begins = [0, *(np.flatnonzero(best[1:] != best[:-1]) + 1).tolist()]
    ends = [*begins[1:], len(best)]
    borders = prediction.borders
    seconds = prediction.border_seconds or [None] * len(borders)
    return [
        Segment(
            borders[b],
            borders[e],
            (seconds[b], seconds[e]),
            np.mean(prediction.windows[b:e], axis=0, dtype=float),
        )
        for b, e in zip(begins, ends, strict=True)
    ]


def draw_timeline(prediction, path, size=(12, 5)):
    """Draw the scores over time, with the segments below as a strip.

    Args:
        prediction: `Prediction` with its windows kept.
        path: The .png to write, complete or absent.
        size: Width and height in inches, of 110 pixels each.

    Raises:
        OSError: It cannot be written.
    """
    scores = np.stack(prediction.windows)
    parts = segments(prediction)
    # The classes that are best for the longest time, then those that come closest to it.
    n_won = np.bincount([number for number, _ in prediction.best], minlength=scores.shape[1])
    highest = scores.max(axis=0)
    ranked = np.lexsort((-highest, -n_won))[:LINES]
    drawn = [int(n) for n in ranked if n_won[n] or highest[n] >= 0.1]
    winners = {int(part.scores.argmax()) for part in parts}
    colours = {number: f"C{place}" for place, number in enumerate(drawn)}

    duration = prediction.duration
    joined = -(-len(scores) // STEPS)
    first = np.arange(0, len(scores), joined)
    counts = np.diff([*first, len(scores)])
    borders = prediction.borders if duration is None else prediction.border_seconds
    borders = np.array([*borders[:-1:joined], borders[-1]])
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(8, 1))
    for number in drawn:
        means = np.add.reduceat(scores[:, number], first) / counts
        above.stairs(means, borders, baseline=None, color=colours[number], lw=1.6)
    above.set(ylim=(0, 1.02), xlim=(0, borders[-1]))
    above.set_ylabel("score of a window" if joined == 1 else f"score, mean of {joined} windows")
    source = prediction.source
    name = source.name if source.kind == "stream" else Path(source.name).name
    above.set_title(shown(name), parse_math=False, fontsize=10)
    above.grid(alpha=0.3)
    spans = {}
    for part in parts:
        colour = colours.get(int(part.scores.argmax()), OTHERS)
        start, end = (part.start, part.end) if duration is None else part.seconds
        spans.setdefault(colour, []).append((start, end - start))
    for colour, bars in spans.items():
        below.broken_barh(bars, (0, 1), color=colour, lw=0)
    below.set_ylim(0, 1)
    below.set_yticks([])
    below.set_ylabel("best", rotation=0, ha="right", va="center")
    below.xaxis.set_major_locator(MaxNLocator(int(size[0]), steps=[1, 1.5, 2, 3, 6, 10]))
    if duration is not None:
        below.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(value, duration)))
        below.set_xlabel("time")
    else:
        below.set_xlabel("frame")
    names = [_shortened(shown(prediction.labels[number]), int(3 * size[0])) for number in drawn]
    lines = list(colours.values())
    if winners - set(drawn):
        names.append("others")
        lines.append(OTHERS)
    handles = [above.plot([], [], color=colour, lw=3)[0] for colour in lines]
    legend = above.legend(handles, names, loc="center left", bbox_to_anchor=(1, 0.5))
    for text in legend.get_texts():
        # A dollar sign in a class name is no formula.
        text.set_parse_math(False)
    picture = Image.fromarray(pixels(figure))
    write_atomically(path, lambda file: picture.save(file, "PNG"))


def _shortened(name, length):
    return name if len(name) <= length else name[: length - 1] + "…"


def clock(seconds, duration=SHORT):
    """A time as minutes:seconds, or hours:minutes:seconds.

    Args:
        seconds: The time.
        duration: Length of the whole in seconds; times in a short one show their tenths.
    """
    tenths = round(seconds * 10) if duration < SHORT else round(seconds) * 10
    hours, minutes, rest = tenths // 36000, tenths // 600 % 60, tenths % 600
    second = f"{rest / 10:04.1f}" if duration < SHORT else f"{rest // 10:02d}"
    return f"{hours}:{minutes:02d}:{second}" if hours else f"{minutes}:{second}"
