"""Loss and accuracy over whole epochs: every sample counts once, whatever its batch."""

import numpy as np
import paddle.distributed as dist


def hits(scores, labels, k):
    """Which samples have their label among the k highest scores.

    Args:
        scores: float ``[N, n_classes]``.
        labels: int ``[N]``, or bool ``[N, n_classes]`` where a sample may have several: one of
            them is enough.
        k: How many of the best classes count; all of them where there are fewer.

    Returns:
        bool ``[N]``. Of equal scores the lower class number ranks first.
    """
    if labels.ndim == 2:
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(labels, best, axis=1).any(axis=1)
    own = scores[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(scores.shape[1])[None] < labels[:, None]
    rank = (scores > own).sum(1) + ((scores == own) & earlier).sum(1)
    return rank < k


def softmax(logits):
    """Probabilities of float ``[N, n_classes]`` logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(logits):
    """The probability of each by itself, of float ``[N, n_classes]`` logits."""
    # Of what is 0 or less, whose powers do not overflow.
    powers = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, powers) / (1 + powers)


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
            correct: ``[N]``, 1 for a clip whose best class was right, else 0.
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
        shares = gather((self.clips, self.loss_sum, self.correct))
        self.clips, self.loss_sum, self.correct = map(sum, zip(*shares, strict=True))

    def state_dict(self):
        return {"clips": self.clips, "loss_sum": self.loss_sum, "correct": self.correct}

    def set_state_dict(self, state):
        self.clips, self.loss_sum, self.correct = (
            state[key] for key in ("clips", "loss_sum", "correct")
        )


def gather(value):
    """The values of all processes, in order of their rank."""
    if dist.get_world_size() == 1:
        return [value]
    values = []
    dist.all_gather_object(values, value)
    return values
