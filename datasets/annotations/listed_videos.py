"""The last step of every reader of lists: rows to splits, and a word on what is missing."""

from datasets.annotations.errors import AnnotationError
from datasets.index.video_index import Splits, VideoIndex


def finish_splits(source, finder, labels, rows):
    """Returns the :class:`Splits` of the rows that lists gave.

    Videos that are listed and not found stay in: they fail by name when they are decoded, and
    count as wrong in an evaluation. The notes say how many there are.

    Args:
        source: The annotation, for messages.
        finder: The :class:`VideoFinder` that looked for the videos.
        labels: Class names in output order.
        rows: ``{split: [Row, ...]}``; splits without rows are left out.

    Raises:
        AnnotationError: There are no rows, or not one of the listed videos exists.
    """
    rows = {split: split_rows for split, split_rows in rows.items() if split_rows}
    if not rows:
        raise AnnotationError(f"{source}: lists no videos")
    n_listed = {split: len(split_rows) for split, split_rows in rows.items()}
    n_missing = {
        split: sum(row.path in finder.missing for row in split_rows)
        for split, split_rows in rows.items()
    }
    if n_missing == n_listed:
        first = next(iter(rows.values()))[0]
        raise AnnotationError(
            f"{finder.root}: holds none of the {sum(n_listed.values()):,} videos that {source} "
            f"lists; looked for {first.path} first"
        )
    indexes = {
        split: VideoIndex.from_rows(labels, split_rows, root=finder.root)
        for split, split_rows in rows.items()
    }
    notes = [
        f"{finder.root}: {missing:,} of the {n_listed[split]:,} videos listed for {split} are "
        "missing; they will count as failed"
        for split, missing in n_missing.items()
        if missing
    ]
    return Splits(source, indexes, notes)
