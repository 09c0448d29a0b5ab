"""From the logits of clips to the accuracy over videos: in the validation of `fit` and `evaluate`.

Both add clips and finish videos; that the two give the same numbers is no coincidence.
"""

import math
from dataclasses import dataclass

import numpy as np
import paddle
import paddle.nn.functional as F

from app.evaluation.average_precision import average_precision, mean_average_precision
from app.metrics import gather, hits, sigmoid, softmax


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Where a video may have several classes, it is right when any of them is among the k best.

    Args:
        loss: Mean loss over the clips: cross-entropy, of every class by itself where a video may
            have several.
        clip_top1, clip_top5: Accuracy over single clips.
        video_top1, video_top5: Accuracy over videos: scores averaged over the clips of a video.
        clips: Number of clips.
        rows: int64 `[V]`, rows of the index that could be read, ascending.
        scores: float32 `[V, n_classes]`, their averaged scores, 0 to 1.
        labels: int64 `[V]`, their true classes, or bool `[V, n_classes]` where there may be
            several.
        failed: Number of videos that could not be read; each counts as a wrong video and as one
            wrong clip, and for the average precision as never found.
        average_precision: float64 `[n_classes]` as `app.evaluation.average_precision` has it;
            None where a video has one class.
    """

    loss: float
    clip_top1: float
    clip_top5: float
    video_top1: float
    video_top5: float
    clips: int
    rows: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    failed: int
    average_precision: np.ndarray | None = None

    @property
    def video_map(self):
        """The mean average precision; None where a video has one class."""
        if self.average_precision is None:
            return None
        return mean_average_precision(self.average_precision)

    def values(self):
        """The numbers by the names they have in metrics.jsonl."""
        names = ("loss", "clip_top1", "clip_top5", "video_top1", "video_top5", "video_map")
        values = {f"val_{name}": getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    def confusion(self):
        """int64 `[n_classes, n_classes]`: videos by true class (row) and predicted class."""
        matrix = np.zeros((self.scores.shape[1],) * 2, np.int64)
        np.add.at(matrix, (self.labels, self.scores.argmax(axis=1)), 1)
        return matrix


def record_type(n_classes):
    """One video: its row, sums over its clips, and its averaged scores.

    `clips` is 0 where the video could not be read.
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
    """Adds up the clips of videos; memory does not grow with the length of a video.

    Args:
        labels: int `[n_videos]`, the true class of each row, or bool `[n_videos, n_classes]`
            where there may be several.
        n_classes: Number of classes.

    Attributes:
        is_finished: bool `[n_videos]`, which rows are.
    """

    def __init__(self, labels, n_classes):
        self.is_finished = np.zeros(len(labels), bool)
        self._several = np.ndim(labels) == 2
        self._labels = np.asarray(labels, bool if self._several else np.int64)
        self._n_classes = n_classes
        self._under_way = {}
        self._records = np.zeros(len(labels), record_type(n_classes))

    def add(self, rows, logits):
        """Add clips.

        Args:
            rows: int64 `[N]`, the row that each clip belongs to.
            logits: float32 `[N, n_classes]`.

        Returns:
            Their losses, float32 `[N]`.
        """
        labels = self._labels[rows]
        # The kernels that a training step uses.
        if self._several:
            losses = F.binary_cross_entropy_with_logits(
                paddle.to_tensor(logits), paddle.to_tensor(labels, "float32"), reduction="none"
            )
            losses = losses.mean(axis=1).numpy()
        else:
            losses = F.cross_entropy(
                paddle.to_tensor(logits), paddle.to_tensor(labels), reduction="none"
            )
            losses = losses.numpy().reshape(-1)
        top1, top5 = (hits(logits, labels, k) for k in (1, 5))
        scores = (sigmoid if self._several else softmax)(logits)
        for row in np.unique(rows).tolist():
            own = rows == row
            sums = self._under_way.setdefault(row, [0, 0.0, 0, 0, np.zeros(self._n_classes)])
            sums[0] += int(own.sum())
            sums[1] += float(losses[own].sum(dtype=np.float64))
            sums[2] += int(top1[own].sum())
            sums[3] += int(top5[own].sum())
            sums[4] += scores[own].sum(axis=0, dtype=np.float64)
        return losses

    def drop(self, row):
        """Forget the clips of a video that turned out to be unreadable."""
        self._under_way.pop(row, None)

    def finish(self, rows):
        """Settle videos whose last clip was added, or that cannot be read.

        Returns:
            Their records, `record_type` `[len(rows)]`.
        """
        for row in rows:
            clips, loss, top1, top5, scores = self._under_way.pop(row, (0, 0.0, 0, 0, 0.0))
            record = self._records[row]
            record["row"], record["clips"], record["loss"] = row, clips, loss
            record["top1"], record["top5"] = top1, top5
            record["scores"] = scores / max(1, clips)
            self.is_finished[row] = True
        return self._records[list(rows)]

    def restore(self, records):
        """Take over records that an interrupted evaluation or another process finished."""
        self._records[records["row"]] = records
        self.is_finished[records["row"]] = True

    def gather(self):
        """Take over what the other processes finished."""
        for records in gather(self._records[self.is_finished]):
            self.restore(records)

    def summary(self):
        """Accuracy and loss over all videos.

        Returns:
            `Evaluation`; a row that nobody finished counts as failed.
        """
        read = self._records[self._records["clips"] > 0]
        labels = self._labels[read["row"]]
        clips, n_videos = int(read["clips"].sum()), len(self._labels)
        failed = n_videos - len(read)
        precision = None
        if self._several:
            precision = average_precision(read["scores"], labels, self._labels.sum(axis=0))
        return Evaluation(
            loss=math.fsum(read["loss"]) / clips if clips else float("inf"),
            clip_top1=int(read["top1"].sum()) / (clips + failed),
            clip_top5=int(read["top5"].sum()) / (clips + failed),
            video_top1=int(hits(read["scores"], labels, 1).sum()) / n_videos,
            video_top5=int(hits(read["scores"], labels, 5).sum()) / n_videos,
            clips=clips,
            rows=read["row"],
            scores=read["scores"],
            labels=labels,
            failed=failed,
            average_precision=precision,
        )
