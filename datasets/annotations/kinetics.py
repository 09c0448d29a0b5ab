"""Reader: Kinetics-400, 600 and 700 with their official CSV files (Kay et al., 2017)."""

import re

from datasets.annotations.errors import AnnotationError
from datasets.annotations.listed_videos import finish_splits
from datasets.annotations.split_names import SPLIT_OF_NAME
from datasets.annotations.text_files import csv_rows
from datasets.annotations.video_finder import VideoFinder
from datasets.index.splits import ALL
from datasets.index.video_index import Row
from datasets.shown import counted

# train.csv, kinetics_400_train.csv, kinetics-700_val.csv, kinetics700_2020_test.csv, ...
FILE_NAME = re.compile(r"(?:kinetics.*[_-])?(?P<split>train|val|validate|test)\.csv$")
COLUMNS = ("youtube_id", "time_start", "time_end")


def is_kinetics(lists):
    """Whether an annotation folder holds CSV files of Kinetics."""
    files = _files(lists).values()
    return any("youtube_id" in next((cells for _, cells in lists.table(f)), ()) for f in files)


def is_kinetics_file(text):
    """Whether a text is one CSV file of Kinetics."""
    header = text.lstrip().partition("\n")[0].lower().replace('"', "")
    return "youtube_id" in [cell.strip() for cell in header.split(",")]


def read_kinetics(videos, lists):
    """Read CSV files with `label,youtube_id,time_start,time_end`, one per split.

    Labels come in the order in which the training file first names them. Videos are cut already
    and named `<youtube_id>_<start>_<end>` with six digits each, as the official downloaders
    leave them, without zeros before the numbers, or by `<youtube_id>` alone; they may lie by
    class, by split, by split and class, or all in one folder, and blanks in class folders may be
    underscores.

    Args:
        videos: Folder of the videos.
        lists: The `AnnotationFolder` of the CSV files; the training one must be there, as
            it gives the label order.

    Returns:
        `Splits`.

    Raises:
        AnnotationError: A file is missing or of another form.
    """
    files = _files(lists)
    if "train" not in files:
        raise AnnotationError(
            f"{lists.path}: has no train.csv, which gives the order of the labels"
        )
    reader = _Reader(videos)
    rows = {
        split: reader.rows(lists.describe(files[split]), lists.table(files[split]), split)
        for split in ("train", "val", "test")
        if split in files
    }
    return reader.finish(lists.path, rows)


def read_kinetics_file(videos, path, text, draw):
    """Read one CSV file of Kinetics, as `read_kinetics` does; it gives the order of the labels.

    Args:
        videos: Folder of the videos.
        path: The file.
        text: What is in it.
        draw: `Draw`, where its rows are all of one split.
    """
    reader = _Reader(videos)
    rows = reader.rows(path, csv_rows(path, text), ALL)
    by_split = {}
    for split, row in zip(reader.splits, rows, strict=True):
        by_split.setdefault(SPLIT_OF_NAME.get(split, ALL), []).append(row)
    if len(by_split) > 1 and ALL not in by_split:
        return reader.finish(path, by_split)
    return reader.finish(path, {ALL: rows}, draw)


def _files(lists):
    matches = (FILE_NAME.match(name) for name in lists.names())
    return {SPLIT_OF_NAME[match["split"]]: match.string for match in matches if match}


class _Reader:
    """Reads one table after the other; the first one gives the order of the labels."""

    def __init__(self, videos):
        self._finder = VideoFinder(videos)
        self._labels = {}
        self._n_by_id, self._first_by_id = 0, None
        # What the column "split" says, of the rows of the table read last.
        self.splits = []

    def rows(self, where, table, split):
        """The `Row` of every line."""
        where, header = next(table, (where, []))
        columns = {name.lower(): position for position, name in enumerate(header)}
        needed = COLUMNS if split in ("test", ALL) else ("label", *COLUMNS)
        absent = [name for name in needed if name not in columns]
        if absent:
            raise AnnotationError(
                f"{where}: the column {', '.join(absent)} is missing in the header"
            )
        rows, self.splits = [], []
        for place, cells in table:
            if len(cells) != len(header):
                raise AnnotationError(
                    f"{place}: has {len(cells)} columns, the header has {len(header)}"
                )
            entry = {name: cells[position] for name, position in columns.items()}
            rows.append(self._row(place, entry, split))
            self.splits.append(entry.get("split", ""))
        return rows

    def _row(self, place, entry, split):
        video_id, start, end = (entry[name] for name in COLUMNS)
        try:
            start, end = int(float(start)), int(float(end))
        except (ValueError, OverflowError):
            raise AnnotationError(
                f"{place}: expected times in seconds, found {start[:40]!r} and {end[:40]!r}"
            ) from None
        label = entry.get("label", "")
        if split in ("train", ALL) and label:
            number = self._labels.setdefault(label, len(self._labels))
        elif label in self._labels:
            number = self._labels[label]
        elif split in ("test", ALL) and not label:
            number = -1  # The test labels were long kept secret.
        else:
            raise AnnotationError(f"{place}: the label {label!r} is not in the training file")
        name = f"{video_id}_{start:06d}_{end:06d}"
        names = name, f"{video_id}_{start}_{end}", video_id
        path = self._finder.find_any(names, _folders(split, label))
        if path.rpartition("/")[2].partition(".")[0] == video_id:
            self._n_by_id += 1
            self._first_by_id = self._first_by_id or path
        return Row(path, number, name)

    def finish(self, source, rows, draw=None):
        notes = []
        if self._n_by_id:
            notes.append(
                f"{source}: {counted(self._n_by_id, 'video')} found by id alone and taken as "
                f"already cut, {self._first_by_id} first"
            )
        return finish_splits(source, self._finder, list(self._labels), rows, draw, notes)


def _folders(split, label):
    """Where a video of this split and label may lie, the likeliest first."""
    names = list(dict.fromkeys([label, label.replace(" ", "_")] if label else ["test"]))
    split_folders = [name for name, known in SPLIT_OF_NAME.items() if split in (known, ALL)]
    return [
        *names,
        *(f"{folder}/{name}" for folder in split_folders for name in names),
        *split_folders,
        "",
    ]
