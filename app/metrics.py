"""Loss and accuracy over whole epochs: every sample counts once, whatever its batch."""

from dataclasses import dataclass

import numpy as np
import paddle.distributed as dist


def hits(scores, labels, k):
    """Which samples have their label among the k highest scores.

    Args:
        scores: float ``[N, n_classes]``.
        labels: int ``[N]``.
        k: How many of the best classes count; all of them where there are fewer.

    Returns:
        bool ``[N]``. Of equal scores the lower class number ranks first.
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(scores.shape[1])[None] < labels[:, None]
    rank = (scores > own).sum(1) + ((scores == own) & earlier).sum(1)
    return rank < k


def softmax(logits):
    """Probabilities of float ``[N, n_classes]`` logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


class TrainingMetrics:
    """Mean loss and top-1 accuracy of the clips trained on, since the last reset."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.clips = 0
        self.loss_sum = 0.0
        self.correct = 0

    def update(self, losses, correct):
        """
        Args:
            losses: float ``[N]``.
            correct: ``[N]``, 1 for a clip whose class was the best, else 0.
        """
        self.clips += len(losses)
        self.loss_sum += float(losses.sum(dtype=np.float64))
        self.correct += int(correct.sum())

    def result(self):
        """``{"train_loss", "train_top1"}``; empty where no clip was seen."""
        if self.clips == 0:
            return {}
        return {"train_loss": self.loss_sum / self.clips, "train_top1": self.correct / self.clips}

    def gather(self):
        """Add up what the other processes saw."""
        shares = _gather((self.clips, self.loss_sum, self.correct))
        self.clips, self.loss_sum, self.correct = map(sum, zip(*shares, strict=True))

    def state_dict(self):
        return {"clips": self.clips, "loss_sum": self.loss_sum, "correct": self.correct}

    def set_state_dict(self, state):
        self.clips, self.loss_sum, self.correct = (
            state[key] for key in ("clips", "loss_sum", "correct")
        )


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Args:
        loss: Mean cross-entropy over the clips.
        clip_top1, clip_top5: Accuracy over single clips.
        video_top1, video_top5: Accuracy over videos: softmax averaged over the clips of a video.
        clips: Number of clips.
        rows: int64 ``[V]``, rows of the index that could be read, ascending.
        scores: float32 ``[V, n_classes]``, their averaged softmax.
        labels: int64 ``[V]``, their true classes.
        failed: Number of videos that could not be read; each counts as a wrong video and as one
            wrong clip.
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

    def values(self):
        """The five numbers by the names they have in metrics.jsonl."""
        names = ("loss", "clip_top1", "clip_top5", "video_top1", "video_top5")
        return {f"val_{name}": getattr(self, name) for name in names}

    def confusion(self):
        """int64 ``[n_classes, n_classes]``: videos by true class (row) and predicted class."""
        matrix = np.zeros((self.scores.shape[1],) * 2, np.int64)
        np.add.at(matrix, (self.labels, self.scores.argmax(axis=1)), 1)
        return matrix


class EvaluationMetrics:
    """Collects the clips of an evaluation; all clips of a video must come in one batch."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.loss_sum = 0.0
        self.clips = self.clip_top1 = self.clip_top5 = 0
        self.videos = {}

    def update(self, losses, logits, labels, rows):
        """
        Args:
            losses: float ``[N]``.
            logits: float ``[N, n_classes]``.
            labels: int ``[N]``.
            rows: int ``[N]``, the row of the index that each clip belongs to.
        """
        self.clips += len(labels)
        self.loss_sum += float(losses.sum(dtype=np.float64))
        self.clip_top1 += int(hits(logits, labels, 1).sum())
        self.clip_top5 += int(hits(logits, labels, 5).sum())
        scores = softmax(logits)
        for row in np.unique(rows):
            own = rows == row
            self.videos[int(row)] = (scores[own].mean(axis=0), int(labels[own][0]))

    def result(self, n_videos, n_classes):
        """
        Args:
            n_videos: Number of videos that were to be evaluated, failed ones included.
            n_classes: Number of classes.

        Returns:
            ``Evaluation`` over all processes.
        """
        shares = _gather((self.loss_sum, self.clips, self.clip_top1, self.clip_top5, self.videos))
        loss_sum, clips, clip_top1, clip_top5, _ = (
            sum(part) for part in zip(*((*share[:4], 0) for share in shares), strict=True)
        )
        videos = {row: video for share in shares for row, video in share[4].items()}
        rows = np.array(sorted(videos), np.int64)
        scores = np.array([videos[row][0] for row in rows], np.float32).reshape(-1, n_classes)
        labels = np.array([videos[row][1] for row in rows], np.int64)
        failed = n_videos - len(rows)
        return Evaluation(
            loss=loss_sum / clips if clips else float("inf"),
            clip_top1=clip_top1 / (clips + failed),
            clip_top5=clip_top5 / (clips + failed),
            video_top1=float(hits(scores, labels, 1).sum()) / n_videos,
            video_top5=float(hits(scores, labels, 5).sum()) / n_videos,
            clips=clips,
            rows=rows,
            scores=scores,
            labels=labels,
            failed=failed,
        )


def _gather(value):
    """The values of all processes, in order of their rank."""
    if dist.get_world_size() == 1:
        return [value]
    values = []
    dist.all_gather_object(values, value)
    return values
