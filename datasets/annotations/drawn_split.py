"""A split drawn by seed, class by class, that never parts the clips of one recording."""

import os
import re
import zlib

import numpy as np

from datasets.annotations.errors import AnnotationError

# UCF-101 cuts several clips (c01, c02, ...) from one recording (g08): v_Archery_g08_c02.avi.
# Clips of one recording on both sides would make the validation accuracy far too good.
UCF_GROUP = r".*_g\d+(?=_c\d+)"


def draw_split(index, val_fraction=0.2, group_pattern=UCF_GROUP, seed=0):
    """Draws a training and a validation part.

    Each class is drawn by itself and from a generator of its own, so that adding a class does not
    change the draw of the others. A class of two or more groups keeps at least one on each side;
    a class of a single group goes to the training part.

    Args:
        index: The :class:`VideoIndex` to part.
        val_fraction: Share of the videos of each class to put into validation, as near as whole
            groups allow; between 0 and 1, both excluded.
        group_pattern: Regular expression searched for in the file name without its extension.
            Videos with the same match (the first group of the pattern if it has one) stay
            together; a video without a match is a group of its own.
        seed: Seed of the draw.

    Returns:
        ``({"train": VideoIndex, "val": VideoIndex}, notes)``.
    """
    if not 0 < val_fraction < 1:
        raise AnnotationError(f"val_fraction is {val_fraction}; it must lie between 0 and 1")
    try:
        pattern = re.compile(group_pattern)
    except re.error as error:
        raise AnnotationError(
            f"group_pattern {group_pattern!r} is no regular expression: {error}"
        ) from error

    groups = {}
    for row in range(len(index)):
        groups_of_class = groups.setdefault(int(index.label[row]), {})
        groups_of_class.setdefault(_group_of(index.paths[row], pattern), []).append(row)

    in_val = np.zeros(len(index), bool)
    undivided = []
    for label in sorted(groups):
        name = index.labels[label] if label >= 0 else ""
        if len(groups[label]) == 1:
            undivided.append(name)
            continue
        in_val[_draw_class(groups[label], name, val_fraction, seed)] = True

    notes = []
    if undivided:
        shown = ", ".join(undivided[:5]) + (", ..." if len(undivided) > 5 else "")
        notes.append(
            f"{len(undivided)} of {len(groups)} classes have a single video or recording and are "
            f"used for training only: {shown}"
        )
    if not in_val.any():
        raise AnnotationError(
            f"{index.root or index.path(0)}: no class has two videos or recordings, so nothing can "
            "be drawn for validation; add videos, or give the split as train/ and val/ folders"
        )
    return {"train": index.select(~in_val), "val": index.select(in_val)}, notes


def _group_of(path, pattern):
    match = pattern.search(os.path.splitext(os.path.basename(path))[0])
    if match is None:
        return path
    return match.group(1) if pattern.groups else match.group()


def _draw_class(groups, name, val_fraction, seed):
    """The rows drawn for validation from one class of at least two groups."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode("utf-8", "surrogateescape"))])
    names = sorted(groups)
    shuffled = [names[i] for i in generator.permutation(len(names))]
    wanted = val_fraction * sum(len(rows) for rows in groups.values())
    drawn, left = [], len(groups)
    for group in shuffled:
        grown = len(drawn) + len(groups[group])
        if left > 1 and abs(grown - wanted) < abs(len(drawn) - wanted):
            drawn += groups[group]
            left -= 1
    return drawn or groups[min(shuffled, key=lambda group: len(groups[group]))]
