"""The last step of every reader of lists: rows to splits, and a word on what is missing."""

from datasets.index import SourceError, Splits, VideoIndex


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
        SourceError: There are no rows, or not one of the listed videos exists.
    """
    rows = {split: split_rows for split, split_rows in rows.items() if split_rows}
    if not rows:
        raise SourceError(f"{source}: lists no videos")
    if not finder.n_found:
        first = next(iter(rows.values()))[0]
        raise SourceError(
            f"{finder.root}: holds none of the {finder.n_missing:,} videos that {source} lists; "
            f"looked for {first.path} first"
        )
    indexes = {
        split: VideoIndex.from_rows(labels, split_rows, root=finder.root)
        for split, split_rows in rows.items()
    }
    notes = []
    if finder.n_missing:
        n_listed = finder.n_found + finder.n_missing
        notes.append(
            f"{finder.root}: {finder.n_missing:,} of the {n_listed:,} videos that {source} lists "
            "are missing"
        )
    return Splits(source, indexes, notes)
