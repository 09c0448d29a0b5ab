"""The last step of every reader of lists: rows to splits, and a word on what is odd about them."""

import os

from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import list_folder
from datasets.annotations.spelling import look_alikes
from datasets.decoding.frame_folder import flow_names
from datasets.index.splits import ALL, Splits
from datasets.index.video_index import VideoIndex
from datasets.shown import counted

BACKSLASH_HINT = "paths have backslashes; here / stands between folders"


def finish_splits(source, finder, labels, rows, draw=None, notes=()):
    """Make splits of the rows that lists gave.

    Videos that are listed and not found stay in: they fail by name when they are decoded, and
    count as wrong in an evaluation. The notes say how many there are.

    Args:
        source: The annotation, for messages.
        finder: The `VideoFinder` that looked for the videos.
        labels: Class names in output order.
        rows: `{split: [Row, ...]}`, or `{"all": [Row, ...]}` to be drawn from; splits without
            rows are left out.
        draw: `Draw`, for the latter.
        notes: Sentences to begin with.

    Returns:
        `Splits`.

    Raises:
        AnnotationError: There are no rows, or not one of the listed videos exists.
    """
    rows = {split: split_rows for split, split_rows in rows.items() if split_rows}
    if not rows:
        raise AnnotationError(f"{source}: lists no videos")
    missing = {
        split: [row.path for row in split_rows if row.path in finder.missing]
        for split, split_rows in rows.items()
    }
    n_listed = sum(map(len, rows.values()))
    if sum(map(len, missing.values())) == n_listed:
        first = next(iter(missing.values()))[0]
        hint = f"; {BACKSLASH_HINT}" if "\\" in first else ""
        raise AnnotationError(
            f"{finder.root}: holds none of the {counted(n_listed, 'video')} that {source} lists; "
            f"looked for {first} first{hint}"
        )
    try:
        # JSON can spell what UTF-8 cannot.
        "".join(labels).encode("utf-8")
        indexes = {
            split: VideoIndex.from_rows(labels, split_rows, root=finder.root)
            for split, split_rows in rows.items()
        }
    except UnicodeEncodeError as error:
        raise AnnotationError(
            f"{source}: {error.object[:100]!r} holds half of a character, which can be neither "
            "the name of a file nor of a class"
        ) from None
    found = [
        *notes,
        *_notes_on_missing(finder, rows, missing),
        *_notes_on_spelling(finder, labels),
        *_notes_on_shared(source, rows),
        *_notes_on_flow(finder, rows),
    ]
    return Splits(source, indexes, found, draw)


def _notes_on_missing(finder, rows, missing):
    for split, paths in missing.items():
        if paths:
            purpose = "" if split == ALL else f" for {split}"
            hint = f"; {BACKSLASH_HINT}" if any("\\" in path for path in paths) else ""
            yield (
                f"{finder.root}: {len(paths):,} of the {len(rows[split]):,} videos listed{purpose} "
                f"are missing and will count as failed, {paths[0]} first{hint}"
            )


def _notes_on_spelling(finder, labels):
    if finder.respelt:
        listed, found = next(iter(finder.respelt.items()))
        yield (
            f"{finder.root}: {counted(len(finder.respelt), 'listed name')} found in other upper "
            f"and lower case, {found} for {listed} first"
        )
    for one, other in look_alikes(labels):
        yield f"{one} and {other} are two classes"


def _notes_on_shared(source, rows):
    """Videos for training that are for something else as well."""
    trained = {row.path for row in rows.get("train", ())}
    for split, split_rows in rows.items():
        shared = [row.path for row in split_rows if row.path in trained]
        if split != "train" and shared:
            n_shared = counted(len(set(shared)), "video")
            yield f"{source}: {n_shared} listed for train and for {split}, {shared[0]} first"


def _notes_on_flow(finder, rows):
    """One look, at the first folder of frames: the others are most likely alike."""
    for split_rows in rows.values():
        path = os.path.join(finder.root, split_rows[0].path)
        if os.path.isdir(path):
            if flow_names(list_folder(path).others):
                yield f"{path}: optical flow beside the RGB frames, which alone are taken"
            return
