"""What an evaluation finds out video by video, and how it is kept for a `--resume`."""

import json
import math
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F

from app.errors import UserError
from app.metrics import EvaluationMetrics, hits, softmax


def record_type(n_classes):
    """One video: its row, sums over its clips, and its averaged softmax.

    ``clips`` is 0 where the video could not be read.
    """
    return np.dtype(
        [
            ("row", "<i8"),
            ("clips", "<i8"),
            ("loss", "<f8"),
            ("top1", "<i8"),
            ("top5", "<i8"),
            ("scores", "<f4", (n_classes,)),
        ]
    )


class VideoScores:
    """Adds up the clips of videos under way; memory does not grow with the length of a video.

    Args:
        labels: int ``[n_videos]``, the true class of each row.
        n_classes: Number of classes.
    """

    def __init__(self, labels, n_classes):
        self.labels = labels
        self.n_classes = n_classes
        self._under_way = {}

    def add(self, rows, logits):
        """
        Args:
            rows: int64 ``[N]``, the row that each clip belongs to.
            logits: float32 ``[N, n_classes]``.
        """
        labels = self.labels[rows]
        # The kernel that the validation of a training uses, so that the loss is the same one.
        losses = F.cross_entropy(
            paddle.to_tensor(logits), paddle.to_tensor(labels), reduction="none"
        )
        losses = losses.numpy().reshape(-1)
        top1, top5 = (hits(logits, labels, k) for k in (1, 5))
        scores = softmax(logits)
        for row in np.unique(rows).tolist():
            own = rows == row
            sums = self._under_way.setdefault(row, [0, 0.0, 0, 0, np.zeros(self.n_classes)])
            sums[0] += int(own.sum())
            sums[1] += float(losses[own].sum(dtype=np.float64))
            sums[2] += int(top1[own].sum())
            sums[3] += int(top5[own].sum())
            sums[4] += scores[own].sum(axis=0, dtype=np.float64)

    def drop(self, row):
        """Forget the clips of a video that turned out to be unreadable."""
        self._under_way.pop(row, None)

    def finish(self, rows):
        """The records of videos whose last clip was added; ``[len(rows)]``."""
        records = np.zeros(len(rows), record_type(self.n_classes))
        for record, row in zip(records, rows, strict=True):
            clips, loss, top1, top5, scores = self._under_way.pop(row, (0, 0.0, 0, 0, 0.0))
            record["row"], record["clips"], record["loss"] = row, clips, loss
            record["top1"], record["top5"] = top1, top5
            record["scores"] = scores / max(1, clips)
        return records


class Progress:
    """The records of an evaluation under way, in a file that outlives an interruption.

    The file begins with a line of JSON that says what is evaluated; the records follow as they
    are in memory. Half a record at the end, from the moment of a crash, is cut off.

    Args:
        path: The file.
        settings: Everything the records depend on, as plain values by name.
        n_classes: Number of classes.
    """

    def __init__(self, path, settings, n_classes):
        self.path = Path(path)
        self._settings = settings
        self._type = record_type(n_classes)

    def begin(self):
        """Start a new file."""
        self.path.write_bytes(json.dumps(self._settings).encode() + b"\n")

    def resume(self):
        """Read what an interrupted evaluation found.

        Returns:
            Its records, by row; none where nothing was interrupted.

        Raises:
            UserError: It was the evaluation of something else.
        """
        if not self.path.is_file():
            self.begin()
            return {}
        head, newline, body = self.path.read_bytes().partition(b"\n")
        try:
            before = json.loads(head)
        except ValueError:
            before = None
        if not newline or not isinstance(before, dict):
            self.begin()
            return {}
        for name, value in self._settings.items():
            if before.get(name) != value:
                raise UserError(
                    f"--resume: the evaluation interrupted in {self.path} was of another {name} "
                    f"({before.get(name)}, now {value}); leave --resume out to begin anew"
                )
        whole = len(body) // self._type.itemsize * self._type.itemsize
        records = np.frombuffer(body[:whole], self._type)
        with self.path.open("r+b") as file:
            file.truncate(len(head) + 1 + whole)
        return {int(record["row"]): record for record in records}

    def add(self, records):
        """Append records; they are in the file when this returns."""
        with self.path.open("ab") as file:
            file.write(records.tobytes())

    def remove(self):
        """Remove the file: the evaluation is complete."""
        self.path.unlink(missing_ok=True)


def summarise(records, labels, n_classes):
    """Accuracy and loss over all videos.

    Args:
        records: Record of each row.
        labels: int ``[n_videos]``, the true class of each row.
        n_classes: Number of classes.

    Returns:
        ``app.metrics.Evaluation``.
    """
    read = [record for record in records.values() if record["clips"] > 0]
    metrics = EvaluationMetrics()
    metrics.loss_sum = math.fsum(record["loss"] for record in read)
    metrics.clips = sum(int(record["clips"]) for record in read)
    metrics.clip_top1 = sum(int(record["top1"]) for record in read)
    metrics.clip_top5 = sum(int(record["top5"]) for record in read)
    metrics.videos = {
        int(record["row"]): (record["scores"], int(labels[record["row"]])) for record in read
    }
    return metrics.result(len(labels), n_classes)
