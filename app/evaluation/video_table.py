"""One row per evaluated video: what it is, what it was taken for, and with which scores."""

import csv
import io
from dataclasses import dataclass

import numpy as np

from app.errors import UserError
from app.evaluation.result_file import best_classes


@dataclass(frozen=True)
class VideoRow:
    """What became of one video.

    Args:
        path: The video.
        true: Its class, or its classes with commas between them.
        top: `(class, score)` of the best classes, best first; empty where it could not be read.
        reason: Why it could not be read; empty when it could.
        right: Whether the best class is that of the video, or one of them.
    """

    path: str
    true: str
    top: tuple[tuple[str, float], ...] = ()
    reason: str = ""
    right: bool = False

    @property
    def predicted(self):
        """The class it was taken for; empty where it could not be read."""
        return self.top[0][0] if self.top else ""

    @property
    def score(self):
        """The score of the predicted class, 0-1."""
        return self.top[0][1] if self.top else 0.0


def video_rows(paths, true_classes, evaluation, labels, failed, top_k):
    """The rows of an evaluation.

    Args:
        paths: Path of each video.
        true_classes: int `[n_videos]`, number of each video's class, or bool
            `[n_videos, n_classes]` where a video may have several.
        evaluation: `Evaluation` of them.
        labels: Class names.
        failed: Path -> reason of the videos that could not be read.
        top_k: How many classes a row names.

    Returns:
        List of `VideoRow`, in the order of the videos.
    """
    scores_of = dict(zip(evaluation.rows.tolist(), evaluation.scores, strict=True))
    rows = []
    for row, (path, true) in enumerate(zip(paths, true_classes, strict=True)):
        names = [labels[c] for c in (np.flatnonzero(true) if true.ndim else [true])]
        words = ", ".join(names)
        if row in scores_of:
            best = best_classes(scores_of[row], labels, top_k)
            top = tuple((entry["label"], entry["score"]) for entry in best)
            rows.append(VideoRow(path, words, top, right=top[0][0] in names))
        else:
            rows.append(VideoRow(path, words, reason=failed.get(path, "could not be read")))
    return rows


def table_text(rows):
    """The rows as the text of a CSV file.

    Columns: `path`, `true`, `predicted`, `right` (1 or 0), `reason` of a video that could not be
    read, and `class_1`, `score_1`, ... from the best class on.
    """
    k = max((len(row.top) for row in rows), default=0)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    ranks = [f"{name}_{rank}" for rank in range(1, k + 1) for name in ("class", "score")]
    writer.writerow(["path", "true", "predicted", "right", "reason", *ranks])
    for row in rows:
        top = [cell for label, score in row.top for cell in (label, f"{score:.6f}")]
        cells = [row.path, row.true, row.predicted, int(row.right), row.reason, *top]
        writer.writerow(cells + [""] * (5 + 2 * k - len(cells)))
    return text.getvalue()


def read_table(path):
    """The rows of a CSV file of `table_text`.

    Raises:
        UserError: The file cannot be read or is another one.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = list(csv.reader(file))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    if not lines or lines[0][:5] != ["path", "true", "predicted", "right", "reason"]:
        raise UserError(f"{path}: not a table of videos as `python -m app evaluate` writes it")
    rows = []
    for number, cells in enumerate(lines[1:], 2):
        try:
            ranks = [cell for cell in cells[5:] if cell != ""]
            top = tuple(
                (label, float(score)) for label, score in zip(ranks[::2], ranks[1::2], strict=True)
            )
            rows.append(VideoRow(cells[0], cells[1], top, cells[4], cells[3] == "1"))
        except (ValueError, IndexError):
            raise UserError(f"{path}, line {number}: damaged") from None
    return rows
