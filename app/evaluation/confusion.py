"""Which classes are taken for which: the worst pairs, and a picture that groups them."""

import numpy as np

from app.drawing import PLAIN, Figure, Rectangle, pixels
from datasets.shown import shown

# Classes belong to one group when, on average over its pairs, at least this share of the videos
# of one is taken for the other.
GROUP_SHARE = 0.02
# Names are written out up to this many classes; with more, only the groups and the list are.
NAMED_CLASSES = 250
# The numbers of videos are written into the matrix up to this many classes.
COUNTED_CLASSES = 120
# How many confusions the report and the picture name.
NAMED_CONFUSIONS = 40


def worst_confusions(matrix, labels, limit):
    """The pairs of classes most often confused.

    Args:
        matrix: int `[n_classes, n_classes]`: number of videos by true class (row) and predicted
            class (column).
        labels: Class names.
        limit: How many at most.

    Returns:
        List of `(true class, predicted class, times, videos of the true class)`, most frequent
        first; of equally frequent ones, those that are the larger share of their class.
    """
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    videos = matrix.sum(axis=1)
    pairs = sorted(
        zip(*wrong.nonzero(), strict=True),
        key=lambda pair: (-wrong[pair], videos[pair[0]], *pair),
    )
    return [
        (labels[true], labels[taken], int(wrong[true, taken]), int(videos[true]))
        for true, taken in pairs[:limit]
    ]


def group_classes(matrix):
    """Order classes so that those confused with each other stand together.

    Average linkage: the two groups with the largest mean confusion between their classes join,
    until none is above `GROUP_SHARE`.

    Args:
        matrix: int `[n_classes, n_classes]`, as above.

    Returns:
        List of groups, each a list of class numbers: the largest group first, single classes last.
    """
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    # Sums of confusion between groups; a mean is a sum over the product of their sizes.
    between = shares + shares.T
    np.fill_diagonal(between, 0)
    groups = [[c] for c in range(len(matrix))]
    while len(groups) > 1:
        sizes = np.array([len(group) for group in groups])
        means = between / (2 * sizes[:, None] * sizes[None])
        a, b = sorted(np.unravel_index(means.argmax(), means.shape))
        if means[a, b] < GROUP_SHARE:
            break
        groups[a] += groups.pop(b)
        between[a] += between[b]
        between[:, a] += between[:, b]
        between = np.delete(np.delete(between, b, axis=0), b, axis=1)
        between[a, a] = 0
    return sorted(groups, key=lambda group: (-len(group), group[0]))


def confusion_picture(matrix, labels, title):
    """The confusion matrix, grouped, beside a list of the worst confusions.

    Args:
        matrix: int `[n_classes, n_classes]`, as above.
        labels: Class names.
        title: Line above the picture.

    Returns:
        uint8 RGB `[height, width, 3]`.
    """
    labels = [shown(label) for label in labels]
    worst = worst_confusions(matrix, labels, NAMED_CONFUSIONS)
    # In inches: a class gets the height of its name, names and list room of their own.
    side, names, listing, margin = float(np.clip(0.16 * len(labels), 3, 40)), 2, 5, 0.5
    width = names + side + margin + listing
    height = 2 * margin + max(side + names, 0.2 * (len(worst) + 3))
    top = height - 2 * margin
    figure = Figure(figsize=(width, height), dpi=120)
    title = shown(title)
    figure.text(margin / width, 1 - margin / height, title, va="center", fontsize=13, **PLAIN)
    axis = figure.add_axes((names / width, (top - side) / height, side / width, side / height))
    _draw_grouped(axis, matrix, labels)
    axis.set_title("rows: true class, columns: predicted class", fontsize=9, loc="left")
    lines = [f"{true} taken for {taken}: {times} of {of}" for true, taken, times, of in worst]
    lines = ["worst confusions (true class taken for another)", "", *(lines or ["none"])]
    text = "\n".join(lines)
    left = (names + side + margin) / width
    figure.text(left, top / height, text, va="top", fontsize=9, linespacing=1.5, **PLAIN)
    return pixels(figure)


def confusion_card(matrix, labels, longest):
    """The confusion matrix alone, grouped; what it says of few classes can be read in a thumbnail.

    Args:
        matrix: int `[n_classes, n_classes]`, as above.
        labels: Class names.
        longest: Most pixels of a side.

    Returns:
        uint8 RGB `[height, width, 3]`.
    """
    labels = [shown(label) for label in labels]
    side, margin = float(np.clip(0.16 * len(labels), 2, 40)), 0.3
    names = min(2, 0.2 + 0.08 * max(map(len, labels)))
    whole = names + side + margin
    figure = Figure(figsize=(whole, whole), dpi=min(120, longest / whole))
    axis = figure.add_axes((names / whole, names / whole, side / whole, side / whole))
    _draw_grouped(axis, matrix, labels)
    axis.set_title("row true, column predicted", fontsize=9, loc="left")
    return pixels(figure)


def _draw_grouped(axis, matrix, labels):
    groups = group_classes(matrix)
    order = np.concatenate(groups).astype(int)
    _draw_matrix(axis, matrix[order][:, order], [labels[c] for c in order])
    _frame_groups(axis, groups)


def _draw_matrix(axis, matrix, labels):
    """Draw a matrix with the names of its classes, every row as shares of its class."""
    n = len(labels)
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    # The square root makes the single mistakes visible beside the diagonal.
    axis.imshow(np.sqrt(shares), vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
    if n <= NAMED_CLASSES:
        font = 9 if n <= 40 else 7.5
        axis.set_xticks(range(n), labels, rotation=90, fontsize=font, **PLAIN)
        axis.set_yticks(range(n), labels, fontsize=font, **PLAIN)
        axis.set_xticks(np.arange(n + 1) - 0.5, minor=True)
        axis.set_yticks(np.arange(n + 1) - 0.5, minor=True)
        axis.grid(which="minor", color="0.9", linewidth=0.4)
        axis.tick_params(which="minor", length=0)
    if n > COUNTED_CLASSES:
        return
    for row, column in zip(*matrix.nonzero(), strict=True):
        colour = "white" if shares[row, column] > 0.35 else "black"
        size = 8 if n <= 20 else 5.5
        place = {"ha": "center", "va": "center"}
        axis.text(column, row, matrix[row, column], color=colour, fontsize=size, **place)


def _frame_groups(axis, groups):
    start = 0
    for group in groups:
        if len(group) > 1:
            corner = (start - 0.5, start - 0.5)
            frame = Rectangle(corner, len(group), len(group), fill=False, edgecolor="tab:red")
            axis.add_patch(frame)
        start += len(group)
