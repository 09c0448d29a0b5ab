"""Reader: an index that ``python -m app index`` wrote."""

import os
from dataclasses import replace

import numpy as np

from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import VideoFinder
from datasets.index.text_column import TextColumn
from datasets.index.video_index import Splits

INDEX_NAME = "index.npz"


def read_index_file(videos, path):
    """Reads an index file.

    Args:
        videos: Folder of the videos. Other than the one that was indexed, the same videos are
            looked for there, in the same folders and under any extension: prepared copies, or
            the data set at another place. None takes the folder that was indexed.
        path: The index file.
    """
    splits = Splits.load(path)
    moved = {
        split: index
        for split, index in splits.items()
        if videos is not None and os.path.realpath(index.root) != os.path.realpath(videos)
    }
    if moved:
        finder = VideoFinder(videos)
        splits.update((split, _relocate(index, finder)) for split, index in moved.items())
        paths = [video for split in moved for video in splits[split].paths]
        missing = sum(video in finder.missing for video in paths)
        if missing == len(paths):
            raise AnnotationError(f"{videos}: holds none of the {missing:,} videos in {path}")
        if missing:
            splits.notes.append(
                f"{videos}: {missing:,} of the {len(paths):,} videos in {path} are missing; "
                "they will count as failed"
            )
    return splits


def _relocate(index, finder):
    paths = []
    for path in index.paths:
        folder, name = os.path.split(path)
        paths.append(finder.find(name, folder))
    # Copies may have another frame rate or length; what was measured holds for the originals.
    return replace(
        index,
        root=finder.root,
        paths=TextColumn.from_strings(paths),
        frame_count=np.full_like(index.frame_count, -1),
        fps=np.full_like(index.fps, np.nan),
    )
