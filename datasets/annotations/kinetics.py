"""Reader: Kinetics-400, 600 and 700 with their official CSV files (Kay et al., 2017)."""

import re

from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import VideoFinder
from datasets.annotations.listed_videos import finish_splits
from datasets.index.video_index import Row

# train.csv, kinetics_400_train.csv, kinetics-700_val.csv, kinetics700_2020_test.csv, ...
FILE_NAME = re.compile(r"(?:kinetics.*[_-])?(?P<split>train|val|validate|test)\.csv$")
SPLITS = {"train": "train", "val": "val", "validate": "val", "test": "test"}
COLUMNS = ("youtube_id", "time_start", "time_end")


def is_kinetics(lists):
    """Whether an annotation folder holds CSV files of Kinetics."""
    return any("youtube_id" in _header(lists, name) for name in _files(lists).values())


def read_kinetics(videos, lists):
    """Reads CSV files with ``label,youtube_id,time_start,time_end``, one per split.

    Labels come in the order in which the training file first names them. Videos are cut already
    and named ``<youtube_id>_<start>_<end>`` with six digits each, as the official downloaders
    leave them; they may lie by class, by split, by split and class, or all in one folder, and
    blanks in class folders may be underscores.

    Args:
        videos: Folder of the videos.
        lists: The :class:`AnnotationFolder` of the CSV files; the training one must be there, as
            it gives the label order.
    """
    files = _files(lists)
    if "train" not in files:
        raise AnnotationError(
            f"{lists.path}: has no train.csv, which gives the order of the labels"
        )
    finder = VideoFinder(videos)
    labels = {}
    rows = {}
    for split in ("train", "val", "test"):
        if split in files:
            rows[split] = [
                Row(finder.find(name, *_folders(split, label)), number, name)
                for name, label, number in _read_file(lists, files[split], split, labels)
            ]
    return finish_splits(lists.path, finder, list(labels), rows)


def _files(lists):
    matches = (FILE_NAME.match(name) for name in lists.names())
    return {SPLITS[match["split"]]: match.string for match in matches if match}


def _header(lists, name):
    return next((cells for _, cells in lists.table(name)), [])


def _read_file(lists, file, split, labels):
    """Yields ``(name, label or None, number)``; the training file adds to ``labels``."""
    table = lists.table(file)
    where, header = next(table, (lists.describe(file), []))
    columns = {name: position for position, name in enumerate(header)}
    needed = COLUMNS if split == "test" else ("label", *COLUMNS)
    absent = [name for name in needed if name not in columns]
    if absent:
        raise AnnotationError(f"{where}: the column {', '.join(absent)} is missing in the header")
    for place, cells in table:
        if len(cells) != len(header):
            raise AnnotationError(
                f"{place}: has {len(cells)} columns, the header has {len(header)}"
            )
        video_id, start, end = (cells[columns[name]] for name in COLUMNS)
        try:
            name = f"{video_id}_{int(float(start)):06d}_{int(float(end)):06d}"
        except (ValueError, OverflowError):
            raise AnnotationError(
                f"{place}: expected times in seconds, found {start!r} and {end!r}"
            ) from None
        label = cells[columns["label"]] if "label" in columns else ""
        if split == "train" and label:
            number = labels.setdefault(label, len(labels))
        elif label in labels:
            number = labels[label]
        elif split == "test" and not label:
            number = -1  # The test labels were long kept secret.
        else:
            raise AnnotationError(f"{place}: the label {label!r} is not in the training file")
        yield name, label, number


def _folders(split, label):
    """Where a video of this split and label may lie, the likeliest first."""
    names = [label, label.replace(" ", "_")] if label else ["test"]
    split_folders = {"train": ["train"], "val": ["val", "validate", "validation"]}.get(
        split, ["test"]
    )
    return [
        *dict.fromkeys(names),
        *(f"{folder}/{name}" for folder in split_folders for name in dict.fromkeys(names)),
        *split_folders,
        "",
    ]
