"""The video index: one row per video (or segment of one), held as numpy columns.

Columns instead of Python objects, because reading an object writes its reference count: after a
fork every loader worker would end up with its own copy of the whole list. Columns are shared.
"""

import math
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from datasets.annotations.errors import AnnotationError
from datasets.index.text_column import TextColumn

FILE_FORMAT = 1
# What numpy raises on files that are no archive, or a damaged one.
DAMAGE = (ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error)

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
    """Rows of videos as columns; see :class:`Row` for what each column means.

    Attributes:
        labels: Class names in output order.
        root: Folder that relative paths start from.
        paths: Paths as stored; :meth:`path` gives the usable one.
        video_ids: Names in result files.
        label: int32 ``[n]``, position in ``labels``, -1 for none.
        first: int64 ``[n]``, first frame of the segment, counted from 0.
        last: int64 ``[n]``, frame behind the segment's last one, -1 for the end of the video.
        first_second: float64 ``[n]``, seconds.
        last_second: float64 ``[n]``, seconds, NaN for the end of the video.
        frame_count: int64 ``[n]``, frames in the whole video, -1 for unknown.
        fps: float32 ``[n]``, frames per second, NaN for unknown.
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

    @classmethod
    def from_rows(cls, labels, rows, root=""):
        """Builds an index from an iterable of :class:`Row`, read once.

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
        """Returns the path of a row's video, ready to open."""
        return os.path.join(self.root, self.paths[row])

    def video_id(self, row):
        """Returns the name of a row in result files."""
        return self.video_ids[row]

    def frame_range(self, row, frame_count, fps=math.nan):
        """Returns the frames of a row's segment that a video really has.

        Args:
            row: Row number.
            frame_count: Number of frames of the opened video. What it has counts: annotations and
                containers often claim a few frames more.
            fps: Its frames per second; needed only where the segment is given in seconds.

        Returns:
            ``(first, last)``, half-open and 0-based, within ``0 .. frame_count``; ``first ==
            last`` when the segment begins behind the end of the video.

        Raises:
            AnnotationError: The segment is in seconds and the frame rate is unknown.
        """
        first, last = int(self.first[row]), int(self.last[row])
        if last < 0:
            last = frame_count
        begin, end = float(self.first_second[row]), float(self.last_second[row])
        if begin > 0 or not math.isnan(end):
            if not fps > 0:
                raise AnnotationError(
                    f"{self.path(row)}: its segment is given in seconds, "
                    "but its frame rate is unknown"
                )
            # Frame i is shown at i / fps; the small term undoes the rounding of, say, 0.1 * 30.
            first = max(first, math.ceil(begin * fps - 1e-6))
            if not math.isnan(end):
                last = min(last, math.ceil(end * fps - 1e-6))
        last = max(0, min(last, frame_count))
        return min(first, last), last

    def select(self, rows):
        """Returns the index of some of the rows.

        Args:
            rows: Row numbers in the order wanted, or a bool mask ``[n]``.
        """
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        return replace(
            self,
            paths=self.paths.take(rows),
            video_ids=self.video_ids.take(rows),
            **{name: getattr(self, name)[rows] for name in NUMBER_COLUMNS},
        )

    def save(self, path):
        """Writes the index to one compact file: complete or not at all."""
        _write_columns(path, {f"rows/{name}": column for name, column in self._columns().items()})

    @classmethod
    def load(cls, path):
        """Reads an index that :meth:`save` wrote.

        Raises:
            AnnotationError: The file is missing or is no index.
        """
        return cls._from_columns(path, _read_columns(path), "rows")

    def _columns(self):
        """The index as plain arrays. Lengths compress far better than offsets."""
        columns = {name: getattr(self, name) for name in NUMBER_COLUMNS}
        for name, text in {
            "labels": TextColumn.from_strings(self.labels),
            "root": TextColumn.from_strings([self.root]),
            "paths": self.paths,
            "video_ids": self.video_ids,
        }.items():
            columns[f"{name}.bytes"] = text.block
            columns[f"{name}.lengths"] = text.lengths.astype(np.int32)
        return columns

    @classmethod
    def _from_columns(cls, path, columns, prefix):
        try:
            texts = {
                name: TextColumn.from_lengths(
                    columns[f"{prefix}/{name}.bytes"], columns[f"{prefix}/{name}.lengths"]
                )
                for name in ("labels", "root", "paths", "video_ids")
            }
            return cls(
                labels=list(texts["labels"]),
                root=texts["root"][0],
                paths=texts["paths"],
                video_ids=texts["video_ids"],
                **{name: columns[f"{prefix}/{name}"] for name in NUMBER_COLUMNS},
            )
        except KeyError as error:
            raise AnnotationError(
                f"{path}: no index file, the column {error} is missing"
            ) from error


class Splits(dict):
    """What a source holds: one :class:`VideoIndex` per split, by name.

    Args:
        source: The folder or file the splits come from, for messages.
        indexes: ``{"train": VideoIndex, "val": VideoIndex, ...}``, only splits that exist.
        notes: Sentences the user should see, such as how many listed videos are missing.
    """

    def __init__(self, source, indexes, notes=()):
        super().__init__(indexes)
        self.source = os.fspath(source)
        self.notes = list(notes)

    def __missing__(self, split):
        raise AnnotationError(
            f"{self.source}: there is no split named {split!r}; it has {', '.join(self) or 'none'}"
        )

    def save(self, path):
        """Writes all splits to one compact file: complete or not at all."""
        notes = TextColumn.from_strings(self.notes)
        columns = {"notes.bytes": notes.block, "notes.lengths": notes.lengths}
        for split, index in self.items():
            for name, column in index._columns().items():
                columns[f"{split}/{name}"] = column
        _write_columns(path, columns)

    @classmethod
    def load(cls, path):
        """Reads the splits that :meth:`save` wrote.

        Raises:
            AnnotationError: The file is missing or is no index.
        """
        columns = _read_columns(path)
        if "notes.bytes" not in columns:
            raise AnnotationError(f"{path}: holds a single index, not the splits of a source")
        notes = TextColumn.from_lengths(columns["notes.bytes"], columns["notes.lengths"])
        # A dict, because it keeps the order they were written in.
        names = dict.fromkeys(name.split("/")[0] for name in columns if "/" in name)
        indexes = {name: VideoIndex._from_columns(path, columns, name) for name in names}
        return cls(path, indexes, notes)


def _write_columns(path, columns):
    path = os.fspath(path)
    folder = os.path.dirname(path) or "."
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".partial", delete=False) as file:
        try:
            np.savez_compressed(file, format=np.int32(FILE_FORMAT), **columns)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _read_columns(path):
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise AnnotationError(f"{path}: there is no such index file") from None
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (
        ValueError,
        EOFError,
        KeyError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise AnnotationError(f"{path}: not an index file, or a damaged one: {error}") from error
    if columns.get("format") != FILE_FORMAT:
        raise AnnotationError(f"{path}: not an index file of format {FILE_FORMAT}; make it anew")
    return columns
