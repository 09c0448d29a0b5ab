"""Reader: a CSV of one's own, ``path,label[,start,end]``."""

import math
import os

from datasets.annotations.drawn_split import draw_split
from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import VideoFinder
from datasets.annotations.listed_videos import finish_splits
from datasets.annotations.text_files import csv_rows, read_text
from datasets.index.video_index import Row

HEADER = ["path", "label", "start", "end"]
FILES = {
    "train": ("train.csv",),
    "val": ("val.csv", "validation.csv"),
    "test": ("test.csv",),
}


def is_csv_tables(lists):
    """Whether an annotation folder holds ``train.csv`` and ``val.csv``."""
    return _file(lists, "train") in lists and _file(lists, "val") in lists


def read_csv_tables(videos, lists):
    """Reads ``train.csv``, ``val.csv`` and, where there is one, ``test.csv``; see read_csv_table.

    Args:
        videos: Folder that the paths start from.
        lists: The :class:`AnnotationFolder` of the files.
    """
    finder = VideoFinder(videos)
    named = {
        split: list(_read_rows(lists.table(_file(lists, split)), finder))
        for split in FILES
        if _file(lists, split) in lists
    }
    labels, rows = _number_labels(named)
    return finish_splits(lists.path, finder, labels, rows)


def read_csv_table(videos, path, val_fraction, group_pattern, seed):
    """Reads one CSV file and draws the split.

    Each line holds a path (absolute, or relative to ``videos``), a class name, and, for a part of
    a video, where it begins and ends in seconds; an empty end means the end of the video. The
    header may be left out. Labels are the sorted class names. Segments of one video stay on one
    side of the split.

    Args:
        videos: Folder that the paths start from.
        path: The CSV file.
        val_fraction: Share of each class drawn for validation.
        group_pattern: See :func:`datasets.annotations.drawn_split.draw_split`.
        seed: Seed of the draw.
    """
    finder = VideoFinder(videos)
    named = {"all": list(_read_rows(csv_rows(path, read_text(path)), finder))}
    labels, rows = _number_labels(named)
    splits = finish_splits(path, finder, labels, rows)
    drawn, notes = draw_split(splits.pop("all"), val_fraction, group_pattern, seed)
    splits.update(drawn)
    splits.notes += notes
    return splits


def _file(lists, split):
    return next((name for name in FILES[split] if name in lists), FILES[split][0])


def _read_rows(table, finder):
    """Yields ``(class name, Row)``."""
    for number, (place, cells) in enumerate(table):
        if number == 0 and [cell.lower() for cell in cells] == HEADER[: len(cells)]:
            continue
        if len(cells) not in (2, 3, 4) or not cells[0] or not cells[1]:
            raise AnnotationError(
                f"{place}: expected path,label[,start,end], found {','.join(cells)!r}"
            )
        start, end = ([*cells[2:], "", ""])[:2]
        begin = _seconds(place, start, 0.0)
        finish = _seconds(place, end, math.nan)
        if finish <= begin:
            raise AnnotationError(f"{place}: the segment ends at {end} and begins at {start or 0}")
        folder, name = os.path.split(cells[0])
        segment = f"[{start or 0},{end}]" if start or end else ""
        yield (
            cells[1],
            Row(
                finder.find(name, folder),
                -1,
                cells[0] + segment,
                first_second=begin,
                last_second=finish,
            ),
        )


def _seconds(place, text, default):
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise AnnotationError(f"{place}: expected a time in seconds, found {text!r}")
    return seconds


def _number_labels(named):
    labels = sorted({name for rows in named.values() for name, _ in rows})
    number = {name: label for label, name in enumerate(labels)}
    return labels, {
        split: [row._replace(label=number[name]) for name, row in rows]
        for split, rows in named.items()
    }
