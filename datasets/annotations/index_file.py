"""Reader: an index that `python -m app index` wrote."""

import os
from dataclasses import replace

import numpy as np

from datasets.annotations.errors import AnnotationError
from datasets.annotations.video_finder import VideoFinder
from datasets.index.splits import Splits
from datasets.index.text_column import TextColumn
from datasets.shown import counted


def read_index_file(videos, path, draw, multi_label=False):
    """Read an index file.

    Args:
        videos: Folder of the videos. Other than the one that was indexed, the same videos are
            looked for there, in the same folders and under any ending: prepared copies, or
            the data set at another place. None takes the folder that was indexed.
        path: The index file.
        draw: `Draw`, for an index without a split.
        multi_label: Whether its videos are to have several labels.

    Returns:
        `Splits`.

    Raises:
        AnnotationError: It is no index, of the other kind of labels, or there are none of its
            videos.
    """
    splits = Splits.load(path, draw)
    has_several = any(index.targets is not None for index in splits.values())
    if has_several != multi_label:
        made, now = ("with", "without") if has_several else ("without", "with")
        raise AnnotationError(
            f"{path}: this index was made {made} multi_label (several labels per video) and is "
            f"used {now} it; make both the same"
        )
    if videos is None:
        return splits
    finder = VideoFinder(videos)
    here = os.path.realpath(videos)
    n_moved = sum(len(i) for i in splits.values() if os.path.realpath(i.root) != here)
    splits = splits.changed(
        lambda index: index if os.path.realpath(index.root) == here else _relocate(index, finder)
    )
    n_missing = sum(p in finder.missing for i in splits.values() for p in i.paths)
    if n_moved and n_missing == n_moved:
        raise AnnotationError(
            f"{videos}: holds none of the {counted(n_missing, 'video')} in {path}"
        )
    if n_missing:
        splits.notes.append(
            f"{videos}: {n_missing:,} of the {n_moved:,} videos in {path} are missing; "
            "they will count as failed"
        )
    return splits


def _relocate(index, finder):
    # Copies may have another frame rate or length; what was measured holds for the originals.
    return replace(
        index,
        root=finder.root,
        paths=TextColumn.from_strings(finder.find_path(path) for path in index.paths),
        frame_count=np.full_like(index.frame_count, -1),
        fps=np.full_like(index.fps, np.nan),
    )
