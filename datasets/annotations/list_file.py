"""Reader: lists of one's own, one line per video.

path,label[,start,end]     a CSV, with or without a header; times in seconds
path label                 with a space or tab, as PaddleVideo, mmaction2 and PySlowFast have them
folder n_frames label      the same for folders of extracted frames

Where a video may have several labels, they stand in one cell with commas between them, or, in a
list of words, as `path label label ...` or `path label,label,...`.
"""

import math
import os
import re
from typing import NamedTuple

from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import is_video_name, list_folder
from datasets.annotations.header import Header, is_column_name, read_header
from datasets.annotations.listed_videos import finish_splits
from datasets.annotations.split_names import SPLIT_OF_NAME
from datasets.annotations.text_files import csv_rows, numbered_lines, whole_number
from datasets.annotations.video_finder import VideoFinder
from datasets.index.splits import ALL
from datasets.index.video_index import Row
from datasets.shown import counted

ENDINGS = (".csv", ".tsv", ".txt", ".list", ".lst")
# train.csv, val.list, kinetics400_train_list_videos.txt, ucf101_val_split_1_rawframes.txt
LIST_NAME = re.compile(
    rf"(?:.*[^a-z])?(?P<split>{'|'.join(SPLIT_OF_NAME)})(?:list)?(?:[^a-z].*)?"
    rf"(?:{'|'.join(map(re.escape, ENDINGS))})",
    re.IGNORECASE,
)
OFFICIAL_SPLIT = re.compile(r"split[_-]?(\d+)", re.IGNORECASE)
# Lines that tell what separates the columns, and which column names files.
LINES_LOOKED_AT = 100
# What stands between the labels of a video where there may be several.
LABEL_SEPARATOR = ","

USUAL = Header({"path": 0, "label": 1, "start": 2, "end": 3}, 4)
SWAPPED = Header({"path": 1, "label": 0}, 2)
OF_FRAMES = Header({"path": 0, "frames": 1, "label": 2}, 3)


class Entry(NamedTuple):
    """One line: the name of its class, its row without the class, and its split or ""."""

    name: str
    row: Row
    split: str


def is_list_folder(lists):
    """Whether an annotation folder holds a list for training and one for validation."""
    return {"train", "val"} <= _files(lists, None).keys()


def read_list_folder(videos, lists, official_split, multi_label=False):
    """Read the lists of a folder, one per split, see `read_list_file`.

    Args:
        videos: Folder that the paths start from.
        lists: The `AnnotationFolder` of the files.
        official_split: Which lists to take where their names have numbers, as in `split_1`.
        multi_label: As for `read_list_file`.

    Returns:
        `Splits`.

    Raises:
        AnnotationError: A list is of another form, or several are for the same split.
    """
    finder = VideoFinder(videos)
    entries, notes = {}, []
    files = _files(lists, official_split)
    if not {"train", "val"} <= files.keys():
        raise AnnotationError(f"{lists.path}: has no lists for split {official_split}")
    for split in ("train", "val", "test"):
        names = files.get(split, [])
        if len(names) > 1:
            raise AnnotationError(
                f"{lists.path}: {names[0]} and {names[1]} are both lists for {split}; keep one of "
                "them in a folder of its own"
            )
        for name in names:
            read = _ListReader(lists.describe(name), lists.text(name), finder, multi_label)
            entries[split] = read.entries()
            notes += read.notes
    labels, rows = _number_labels(entries)
    return finish_splits(lists.path, finder, labels, rows, notes=notes)


def read_list_file(videos, path, text, draw, multi_label=False):
    """Read one list.

    Paths are absolute, or relative to `videos`. An empty end means the end of the video. The
    columns of a header may come in any order. Labels are the sorted class names, or the numbers
    in their order where all are numbers.

    Args:
        videos: Folder that the paths start from.
        path: The file.
        text: What is in it.
        draw: `Draw`, where the list has no column that gives the split.
        multi_label: A line may have several labels; it gives a row for each.

    Returns:
        `Splits`.

    Raises:
        AnnotationError: A line is of another form.
    """
    finder = VideoFinder(videos)
    reader = _ListReader(path, text, finder, multi_label)
    entries = {}
    for entry in reader.entries():
        entries.setdefault(entry.split, []).append(entry)
    if len(entries) > 1 and "" in entries:
        n_lines = counted(len(entries[""]), "line")
        raise AnnotationError(f"{path}: {n_lines} without a split, which the others have")
    if len(entries) == 1:
        # One split, or none: the other is to be drawn.
        [only] = entries.values()
        entries = {ALL: only}
    order = [split for split in ("train", "val", "test", ALL) if split in entries]
    labels, rows = _number_labels({split: entries[split] for split in order})
    return finish_splits(path, finder, labels, rows, draw, reader.notes)


def _files(lists, official_split):
    """`{split: [names]}`; all of them where no official split is given."""
    files = {}
    for name in lists.names():
        match = LIST_NAME.fullmatch(name)
        number = OFFICIAL_SPLIT.search(name)
        wrong = number and official_split is not None and int(number[1]) != official_split
        if match and not wrong:
            files.setdefault(SPLIT_OF_NAME[match["split"].lower()], []).append(name)
    return files


def _number_labels(entries):
    """The labels, and `{split: [Row, ...]}` with their numbers."""
    names = {entry.name for of_split in entries.values() for entry in of_split}
    are_numbers = all(name.isdecimal() and len(name) < 10 for name in names)
    labels = sorted(names, key=int if are_numbers else str)
    number = {name: label for label, name in enumerate(labels)}
    return labels, {
        split: [entry.row._replace(label=number[entry.name]) for entry in of_split]
        for split, of_split in entries.items()
    }


class _ListReader:
    """Reads one list.

    Args:
        path: Of the file, for messages.
        text: What is in it.
        finder: `VideoFinder`.
        multi_label: Whether a line may have several labels.

    Attributes:
        notes: Sentences on what was taken how.
    """

    def __init__(self, path, text, finder, multi_label):
        self.notes = []
        self._path = path
        self._text = text
        self._finder = finder
        self._multi_label = multi_label

    def entries(self):
        """`Entry` of every line; one for each label where there may be several."""
        entries = self._entries()
        if not self._multi_label:
            return entries
        return [
            entry._replace(name=name)
            for entry in entries
            for name in filter(None, map(str.strip, entry.name.split(LABEL_SEPARATOR)))
        ]

    def _entries(self):
        lines = list(numbered_lines(self._path, self._text))
        separator = self._separator([line for _, line in lines[:LINES_LOOKED_AT]])
        if separator is None:
            rows = [(place, self._cells(place, line)) for place, line in lines]
        else:
            rows = list(csv_rows(self._path, self._text, separator))
        header = self._header(rows)
        if header is None:
            usual = SWAPPED if self._is_swapped(rows) else USUAL
            tells_frames = separator in (None, "\t") or any(
                self._is_of_frames(cells, False) for _, cells in rows[:LINES_LOOKED_AT]
            )
            return [
                self._entry(
                    place, cells, OF_FRAMES if self._is_of_frames(cells, tells_frames) else usual
                )
                for place, cells in rows
            ]
        if header.unused:
            self.notes.append(f"{self._path}: columns not used: {', '.join(header.unused)}")
        return [self._entry(place, cells, header) for place, cells in rows[1:]]

    def _separator(self, lines):
        """What stands between the columns: a tab, comma or semicolon; None for spaces."""
        for separator in ("\t", ",", ";"):
            having = [line.split(separator) for line in lines if separator in line]
            if 2 * len(having) < max(1, len(lines)):
                continue
            # Between labels a comma parts no columns: then no cell is the name of a video.
            if (
                separator != LABEL_SEPARATOR
                or not self._multi_label
                or 2
                * sum(any(self._names_video(cell.strip()) for cell in cells) for cells in having)
                >= len(having)
            ):
                return separator
        return None

    def _header(self, rows):
        """The `Header` that the first row is, or None."""
        if not rows:
            return None
        place, cells = rows[0]
        if any(map(self._names_video, cells)):
            return None
        header = read_header(place, cells)
        if header is not None:
            return header
        # In other words than ours: it names no file and no class, while the others do.
        others = [other for _, other in rows[1 : LINES_LOOKED_AT + 1]]
        for column in range(len(cells)):
            named = sum(
                column < len(other) and self._names_video(other[column]) for other in others
            )
            if 2 * named <= len(others):
                continue
            if len(cells) != 2 or any(len(other) != 2 for other in others):
                raise AnnotationError(
                    f"{place}: {','.join(cells)!r} names no video, the lines below do; if it is a "
                    "header, call its columns path, label, start, end"
                )
            if any(other[1 - column] == cells[1 - column] for other in others):
                return None
            self.notes.append(f"{place}: {','.join(cells)!r} is taken for a header")
            return Header({"path": column, "label": 1 - column}, 2)
        return None

    def _is_swapped(self, rows):
        """Whether a list of two columns without a header has the path in the second."""
        cells = [cells for _, cells in rows[:LINES_LOOKED_AT]]
        if any(len(of_row) != 2 for of_row in cells):
            return False
        first, second = (sum(self._names_video(row[n]) for row in cells) for n in (0, 1))
        return second > first

    def _is_of_frames(self, cells, tells_frames):
        """Whether cells without a header are a folder of frames, their number and a label.

        Args:
            cells: The cells of a row.
            tells_frames: Whether they are, too, where the folder is missing: in a CSV they may be
                path, label and start as well.
        """
        if len(cells) != 3 or not cells[1].isdecimal() or self._is_file(cells[0]):
            return False
        found = self._locate(cells[0])
        if found is None:
            return tells_frames
        return os.path.isdir(os.path.join(self._finder.root, found))

    def _entry(self, place, cells, header):
        cell = {name: cells[n] for name, n in header.columns.items() if n < len(cells)}
        path, name = cell.get("path"), cell.get("label")
        named = name and (not self._multi_label or name.strip(LABEL_SEPARATOR + " "))
        if len(cells) > header.length or not path or not named:
            raise AnnotationError(
                f"{place}: expected path,label[,start,end], found {','.join(cells)!r}"
            )
        start, end = cell.get("start", ""), cell.get("end", "")
        begin = _seconds(place, start, 0.0)
        finish = _seconds(place, end, math.nan)
        if finish <= begin:
            raise AnnotationError(f"{place}: the segment ends at {end} and begins at {start or 0}")
        split = cell.get("split", "").lower()
        if split and split not in SPLIT_OF_NAME:
            known = ", ".join(SPLIT_OF_NAME)
            raise AnnotationError(f"{place}: the split is {split!r}; known are {known}")
        n_frames = -1
        if cell.get("frames") and not is_video_name(os.path.basename(path)):
            n_frames = whole_number(place, cell["frames"])
            if n_frames == 0:
                raise AnnotationError(f"{place}: a video of 0 frames")
        row = Row(
            self._finder.find_path(path),
            -1,
            path + (f"[{start or 0},{end}]" if start or end else ""),
            last=n_frames,
            first_second=begin,
            last_second=finish,
        )
        return Entry(name, row, SPLIT_OF_NAME.get(split, ""))

    def _cells(self, place, line):
        """The cells of a line of words; the path comes first, and may have spaces itself."""
        words = line.split()
        for n in range(len(words) - 1, 0, -1):
            path = line.rsplit(maxsplit=len(words) - n)[0]
            if is_video_name(os.path.basename(path)) or self._locate(path):
                break
        else:
            if len(words) < 2 or all(map(is_column_name, words)):
                return words
            # A folder of frames that is not there.
            n = len(words) - (2 if len(words) > 2 and words[-2].isdecimal() else 1)
            path = line.rsplit(maxsplit=len(words) - n)[0]
        rest = words[n:]
        if self._multi_label:
            # The number of frames of a folder comes first; its labels may be numbers as well.
            has_frames = len(rest) > 1 and rest[0].isdecimal() and not self._is_file(path)
            n_frames, names = (rest[:1], rest[1:]) if has_frames else ([], rest)
            return [path, *n_frames, LABEL_SEPARATOR.join(names)]
        if len(rest) == 2 and rest[0].isdecimal() and not self._is_file(path):
            return [path, *rest]
        if rest[0].isdecimal() and len(rest) > 1:
            raise AnnotationError(
                f"{place}: expected a path and one label, or a folder, its number of frames and "
                f"one label, found {line!r}"
            )
        return [path, " ".join(rest)]

    def _names_video(self, path):
        """Whether there is such a video, or should be by its name; a folder must hold frames."""
        if is_video_name(os.path.basename(path)):
            return True
        found = self._locate(path)
        full_path = found and os.path.join(self._finder.root, found)
        return bool(found) and (not os.path.isdir(full_path) or list_folder(full_path).has_frames)

    def _locate(self, path):
        folder, name = os.path.split(path.rstrip("/"))
        return self._finder.locate([name], [folder]) if name else None

    def _is_file(self, path):
        is_folder = os.path.isdir(os.path.join(self._finder.root, path))
        return is_video_name(os.path.basename(path)) and not is_folder


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
