"""What a clip costs: cross-entropy, smoothed or weighted by class, or one decision per class."""

from dataclasses import dataclass

import numpy as np
import paddle
import paddle.nn.functional as F

# How strongly a class's videos count as new ones: the beta of Cui et al.
EFFECTIVE = 0.999


def class_weights(counts, kind):
    """How much a video of each class counts in the loss, 1 on average over the videos.

    Args:
        counts: int `[n_classes]`, number of training videos.
        kind: "inverse" (of the number of videos) or "effective" (of the effective number).

    Returns:
        float32 `[n_classes]`; 0 for a class without videos.

    Source: Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019.
    """
    counts = np.asarray(counts, float)
    sizes = counts if kind == "inverse" else (1 - EFFECTIVE**counts) / (1 - EFFECTIVE)
    weights = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=counts > 0)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)


@dataclass(frozen=True)
class ClipLoss:
    """The loss of each clip, called with logits and labels; the kind of these decides over it.

    A number is the one class of a clip: cross-entropy. A row of 0 and 1 says which classes apply:
    the mean, over the classes, of the cross-entropy of each decision; label smoothing moves all of
    them towards undecided, and weights make it a weighted mean.

    Args:
        label_smoothing: Share of the probability that is spread over all classes.
        weights: float32 `[n_classes]` of `class_weights`, or None.
    """

    label_smoothing: float = 0.0
    weights: np.ndarray | None = None

    def __call__(self, logits, labels):
        """
        Args:
            logits: float32 `[N, n_classes]`.
            labels: int64 `[N]`, or float32 `[N, n_classes]`, 1 where a class applies.

        Returns:
            float32 `[N]`.
        """
        if labels.ndim == 2:
            targets = labels * (1 - self.label_smoothing) + self.label_smoothing / 2
            losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
            if self.weights is not None:
                losses = losses * paddle.to_tensor(self.weights / self.weights.mean())
            return losses.mean(axis=1)
        losses = F.cross_entropy(logits, labels, reduction="none").reshape([-1])
        if self.label_smoothing:
            # Against the even distribution: minus the mean of all classes' log-probabilities.
            even = -F.log_softmax(logits, axis=1).mean(axis=1)
            losses = losses * (1 - self.label_smoothing) + even * self.label_smoothing
        if self.weights is not None:
            losses = losses * paddle.gather(paddle.to_tensor(self.weights), labels)
        return losses
