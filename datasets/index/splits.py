"""What a source of videos holds, split by split; a split that it does not give is drawn."""

import os
from collections.abc import Mapping

import numpy as np

from datasets.annotations.errors import AnnotationError
from datasets.index.column_file import read_columns, write_columns
from datasets.index.text_column import TextColumn
from datasets.index.video_index import SEGMENT_COLUMNS, VideoIndex

# Every video of the source.
ALL = "all"
DRAWN = ("train", "val")


class Splits(Mapping):
    """The videos of a source, a `VideoIndex` by the name of each split.

    `splits["all"]` is every video once, in the order of the source; it is there whatever else is.
    Where the source gives no split it is the only name; "train" and "val" are drawn when one of
    them is asked for.

    Args:
        source: The folder or file the splits come from, for messages.
        indexes: `{"train": VideoIndex, "val": VideoIndex, ...}`, or `{"all": VideoIndex}`.
        notes: Sentences the user should see, such as how many listed videos are missing.
        draw: `datasets.annotations.drawn_split.Draw`, for a source without splits.
        places: int `[n]`, the place in the source of each row of all splits one after another;
            the source has them in this order when left out.

    Attributes:
        notes: The sentences; drawing may add some.
    """

    def __init__(self, source, indexes, notes=(), draw=None, places=None):
        self.source = os.fspath(source)
        self.notes = list(notes)
        self._indexes = dict(indexes)
        self._draw = draw
        self._places = places
        self._all = self._drawn = None

    def __getitem__(self, split):
        if split in self._indexes:
            return self._indexes[split]
        if split == ALL:
            if self._all is None:
                self._all = self._joined()
            return self._all
        if split in DRAWN and self.is_undivided:
            return self._draw_once()[split]
        names = ", ".join(self) or "none"
        raise AnnotationError(f"{self.source}: there is no split named {split!r}; it has {names}")

    def __contains__(self, split):
        return split in self._indexes

    def __iter__(self):
        return iter(self._indexes)

    def __len__(self):
        return len(self._indexes)

    @property
    def labels(self):
        """Class names in output order."""
        return next(iter(self._indexes.values())).labels

    @property
    def is_undivided(self):
        """Whether the source gives no split."""
        return list(self._indexes) == [ALL]

    def changed(self, change):
        """The same splits with other indexes.

        Args:
            change: Called with each `VideoIndex`; gives the one in its place.
        """
        indexes = {split: change(index) for split, index in self._indexes.items()}
        return Splits(self.source, indexes, self.notes, self._draw, self._places)

    def divided(self):
        """The same with a drawn split as if the source had given it.

        Raises:
            AnnotationError: Nothing can be drawn.
        """
        if not self.is_undivided:
            return self
        drawn = self._draw_once()
        return Splits(self.source, drawn, self.notes, places=self._places)

    def _draw_once(self):
        if self._drawn is None:
            index = self._indexes[ALL]
            in_val, notes = self._draw(index)
            self.notes += notes
            self._drawn = {"train": index.select(~in_val), "val": index.select(in_val)}
            self._places = np.concatenate([np.flatnonzero(~in_val), np.flatnonzero(in_val)])
        return self._drawn

    def _joined(self):
        joined = VideoIndex.joined(list(self._indexes.values()))
        if self._places is not None:
            return joined.select(np.argsort(self._places))
        seen, first_times = set(), np.ones(len(joined), bool)
        columns = [getattr(joined, name).tolist() for name in ("label", *SEGMENT_COLUMNS)]
        for row, (path, *segment) in enumerate(zip(joined.paths, *columns, strict=True)):
            # As text, because NaN differs from itself.
            key = hash((path, str(segment)))
            first_times[row] = key not in seen
            seen.add(key)
        return joined if first_times.all() else joined.select(first_times)

    def save(self, path):
        """Write the splits to one compact file: complete or not at all.

        A drawn split is kept as it was drawn.
        """
        notes = TextColumn.from_strings(self.notes)
        columns = {"notes.bytes": notes.block, "notes.lengths": notes.lengths}
        if self._places is not None:
            columns["places"] = self._places
        for split, index in (self._drawn or self._indexes).items():
            for name, column in index.columns().items():
                columns[f"{split}/{name}"] = column
        write_columns(path, columns)

    @classmethod
    def load(cls, path, draw=None):
        """Read the splits that `save` wrote.

        Args:
            path: The file.
            draw: `datasets.annotations.drawn_split.Draw`, should it hold no split.

        Raises:
            AnnotationError: The file is missing or is no index.
        """
        columns = read_columns(path)
        if "notes.bytes" not in columns:
            raise AnnotationError(f"{path}: holds a single index, not the splits of a source")
        # A dict, because it keeps the order they were written in.
        names = dict.fromkeys(name.split("/")[0] for name in columns if "/" in name)
        notes = TextColumn.from_columns(path, columns, "notes")
        indexes = {name: VideoIndex.from_columns(path, columns, name) for name in names}
        return cls(path, indexes, notes, draw, columns.get("places"))
