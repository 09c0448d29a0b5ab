"""The video index: one row per video (or segment of one), held as numpy columns.

Columns instead of Python objects, because reading an object writes its reference count: after a
fork every loader worker would end up with its own copy of the whole list. Columns are shared.
"""

import math
import os
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from datasets.annotations.errors import AnnotationError
from datasets.index.column_file import read_columns, write_columns
from datasets.index.text_column import TextColumn

# What `python -m app index` calls its file.
INDEX_NAME = "index.npz"

# The columns of plain numbers, with their type in memory and in a file.
NUMBER_COLUMNS = {
    "label": np.int32,
    "first": np.int64,
    "last": np.int64,
    "first_second": np.float64,
    "last_second": np.float64,
    "frame_count": np.int64,
    "fps": np.float32,
}


# What tells the segments of one video apart.
SEGMENT_COLUMNS = ("first", "last", "first_second", "last_second")


class Row(NamedTuple):
    """One video, or one segment of a video, on its way into an index.

    Attributes:
        path: Where the video is: absolute, or relative to the index's root. A folder of
            extracted frames counts as a video.
        label: Position of its class in the list of labels; -1 where the source gives none.
        video_id: Its name in result files; the path when left empty.
        first: First frame of the segment, counted from 0.
        last: Frame behind the last one of the segment; -1 means to the end of the video.
        first_second: Where the segment begins, for sources that count in seconds.
        last_second: Where it ends, in seconds; NaN means to the end of the video.
        frame_count: Number of frames of the whole video; -1 when not known yet.
        fps: Frames per second; NaN when not known yet.
    """

    path: str
    label: int
    video_id: str = ""
    first: int = 0
    last: int = -1
    first_second: float = 0.0
    last_second: float = math.nan
    frame_count: int = -1
    fps: float = math.nan


@dataclass(eq=False, repr=False)
class VideoIndex:
    """Rows of videos as columns; see `Row` for what each column means.

    Attributes:
        labels: Class names in output order.
        root: Folder that relative paths start from.
        paths: Paths as stored; `path` gives the usable one.
        video_ids: Names in result files.
        label: int32 `[n]`, position in `labels`, -1 for none.
        first: int64 `[n]`, first frame of the segment, counted from 0.
        last: int64 `[n]`, frame behind the segment's last one, -1 for the end of the video.
        first_second: float64 `[n]`, seconds.
        last_second: float64 `[n]`, seconds, NaN for the end of the video.
        frame_count: int64 `[n]`, frames in the whole video, -1 for unknown.
        fps: float32 `[n]`, frames per second, NaN for unknown.
        targets: bool `[n, n_classes]`, every label of each row, where a video may have several;
            `label` is the first of them then. None where each has one.
    """

    labels: list[str]
    root: str
    paths: TextColumn
    video_ids: TextColumn
    label: np.ndarray
    first: np.ndarray
    last: np.ndarray
    first_second: np.ndarray
    last_second: np.ndarray
    frame_count: np.ndarray
    fps: np.ndarray
    targets: np.ndarray | None = None

    @classmethod
    def from_rows(cls, labels, rows, root=""):
        """Build an index from an iterable of `Row`, read once.

        Args:
            labels: Class names in output order.
            rows: The rows, in the order they shall keep.
            root: Folder that their relative paths start from.
        """
        rows = list(rows)
        return cls(
            labels=list(labels),
            root=os.fspath(root),
            paths=TextColumn.from_strings(row.path for row in rows),
            video_ids=TextColumn.from_strings(row.video_id or row.path for row in rows),
            **{
                name: np.fromiter((getattr(row, name) for row in rows), dtype, len(rows))
                for name, dtype in NUMBER_COLUMNS.items()
            },
        )

    def __len__(self):
        return len(self.label)

    def __repr__(self):
        return f"VideoIndex({len(self):,} rows, {len(self.labels):,} classes, root={self.root!r})"

    def path(self, row):
        """Return the path of a row's video, ready to open."""
        return os.path.join(self.root, self.paths[row])

    def video_id(self, row):
        """Return the name of a row in result files."""
        return self.video_ids[row]

    @property
    def truth(self):
        """What is true of each row: `targets` where there may be several labels, else `label`."""
        return self.label if self.targets is None else self.targets

    def target(self, row):
        """What a loss takes for a row: int64, or float32 `[n_classes]`, 1 where a class applies."""
        return self.truth[row].astype(np.int64 if self.targets is None else np.float32)

    def classes(self, row):
        """Names of the classes of a row."""
        if self.targets is not None:
            return [self.labels[c] for c in np.flatnonzero(self.targets[row])]
        return [self.labels[self.label[row]]] if self.label[row] >= 0 else []

    def videos_of_classes(self):
        """int64 `[n_classes]`, the number of rows of each class."""
        if self.targets is not None:
            return self.targets.sum(axis=0)
        return np.bincount(self.label[self.label >= 0], minlength=len(self.labels))

    def with_several_labels(self):
        """The same with one row for all rows that are one video, or one segment of it.

        Their labels become `targets`; a row stands where the first of them stood.
        """
        place_of, places, first_rows = {}, np.empty(len(self), np.int64), []
        segments = zip(*(getattr(self, name).tolist() for name in SEGMENT_COLUMNS), strict=True)
        for row, (path, segment) in enumerate(zip(self.paths, segments, strict=True)):
            # As text, because NaN differs from itself.
            key = (path, str(segment))
            if key not in place_of:
                place_of[key] = len(first_rows)
                first_rows.append(row)
            places[row] = place_of[key]
        targets = np.zeros((len(first_rows), len(self.labels)), bool)
        known = self.label >= 0
        targets[places[known], self.label[known]] = True
        return replace(self.select(first_rows), targets=targets)

    def frame_range(self, row, n_frames, frame_at=None):
        """The frames of a row's segment that a video really has.

        Args:
            row: Row number.
            n_frames: Number of frames of the opened video. What it has counts: annotations and
                containers often claim a few frames more.
            frame_at: Called with a time in seconds, gives the first frame shown then or later, as
                `datasets.decoding.reader.Reader.frame_at` does; only where the segment is given in
                seconds.

        Returns:
            `(first, last)`, half-open and 0-based, within `0 .. n_frames`; `first == last` where
            the segment has no frame.
        """
        first, last = int(self.first[row]), int(self.last[row])
        if last < 0:
            last = n_frames
        begin, end = float(self.first_second[row]), float(self.last_second[row])
        if begin > 0:
            first = max(first, frame_at(begin))
        if not math.isnan(end):
            last = min(last, frame_at(end))
        last = max(0, min(last, n_frames))
        return min(first, last), last

    def segment(self, row):
        """A row's segment in words; empty for a whole video."""
        first, last = int(self.first[row]), int(self.last[row])
        begin, end = float(self.first_second[row]), float(self.last_second[row])
        if begin > 0 or not math.isnan(end):
            return f"from {begin:g} s to " + ("its end" if math.isnan(end) else f"{end:g} s")
        if first > 0 or last >= 0:
            return f"from frame {first} to " + ("its end" if last < 0 else f"frame {last}")
        return ""

    @classmethod
    def joined(cls, indexes):
        """The rows of several indexes of the same classes, one after the other."""
        first = indexes[0]
        return replace(
            first,
            paths=TextColumn.joined([index.paths for index in indexes]),
            video_ids=TextColumn.joined([index.video_ids for index in indexes]),
            **{
                name: np.concatenate([getattr(index, name) for index in indexes])
                for name in NUMBER_COLUMNS
            },
            targets=None
            if first.targets is None
            else np.concatenate([index.targets for index in indexes]),
        )

    def select(self, rows):
        """Return the index of some of the rows.

        Args:
            rows: Row numbers in the order wanted, or a bool mask `[n]`.
        """
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        return replace(
            self,
            paths=self.paths.take(rows),
            video_ids=self.video_ids.take(rows),
            **{name: getattr(self, name)[rows] for name in NUMBER_COLUMNS},
            targets=None if self.targets is None else self.targets[rows],
        )

    def save(self, path):
        """Write the index to one compact file: complete or not at all."""
        write_columns(path, {f"rows/{name}": column for name, column in self.columns().items()})

    @classmethod
    def load(cls, path):
        """Read an index that `save` wrote.

        Raises:
            AnnotationError: The file is missing or is no index.
        """
        return cls.from_columns(path, read_columns(path), "rows")

    def columns(self):
        """The index as plain arrays by name. Lengths compress far better than offsets."""
        columns = {name: getattr(self, name) for name in NUMBER_COLUMNS}
        for name, text in {
            "labels": TextColumn.from_strings(self.labels),
            "root": TextColumn.from_strings([self.root]),
            "paths": self.paths,
            "video_ids": self.video_ids,
        }.items():
            columns[f"{name}.bytes"] = text.block
            columns[f"{name}.lengths"] = text.lengths.astype(np.int32)
        if self.targets is not None:
            columns["targets"] = self.targets
        return columns

    @classmethod
    def from_columns(cls, path, columns, prefix):
        """The inverse of `columns`.

        Args:
            path: The file they come from, for messages.
            columns: Arrays by name.
            prefix: What the names begin with, up to a slash.

        Raises:
            AnnotationError: Arrays are missing, or do not fit together.
        """
        texts = {
            name: TextColumn.from_columns(path, columns, f"{prefix}/{name}")
            for name in ("labels", "root", "paths", "video_ids")
        }
        try:
            numbers = {
                name: columns[f"{prefix}/{name}"].astype(dtype, casting="same_kind", copy=False)
                for name, dtype in NUMBER_COLUMNS.items()
            }
        except (KeyError, TypeError) as error:
            raise AnnotationError(f"{path}: no index file, a column is wrong: {error}") from error
        n_rows = {len(texts["paths"]), len(texts["video_ids"]), *map(np.size, numbers.values())}
        label, n_labels = numbers["label"], len(texts["labels"])
        if len(n_rows) > 1 or len(texts["root"]) != 1 or not (label < n_labels).all():
            raise AnnotationError(f"{path}: a damaged index file, its columns do not fit together")
        targets = columns.get(f"{prefix}/targets")
        if targets is not None and (
            targets.dtype != bool or targets.shape != (len(label), n_labels)
        ):
            raise AnnotationError(f"{path}: a damaged index file, its labels do not fit together")
        return cls(
            labels=list(texts["labels"]),
            root=texts["root"][0],
            paths=texts["paths"],
            video_ids=texts["video_ids"],
            **numbers,
            targets=targets,
        )
