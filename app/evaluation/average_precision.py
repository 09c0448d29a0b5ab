"""Average precision: how well the videos of a class are ranked before the others."""

import numpy as np


def average_precision(scores, targets, n_videos=None):
    """The average precision of every class.

    Args:
        scores: float `[n, n_classes]`.
        targets: bool `[n, n_classes]`, which classes apply.
        n_videos: int `[n_classes]`, the videos of each class, those that have no scores included:
            they are never found. Left out, those of `targets`.

    Returns:
        float64 `[n_classes]`: the mean, over the videos of a class, of the precision among those
        that score at least as high, 0 for one that is never found; nan for a class without
        videos. Videos of equal score count as found together.

    Source: the area under the precision-recall curve as a step function, as Charades and
    scikit-learn's `average_precision_score` have it.
    """
    n_videos = targets.sum(axis=0) if n_videos is None else n_videos
    sums = [_sum_of_precisions(s, t) for s, t in zip(scores.T, targets.T, strict=True)]
    return np.array([total / n if n else np.nan for total, n in zip(sums, n_videos, strict=True)])


def mean_average_precision(values):
    """The mean over the classes that have videos; nan where none has.

    Args:
        values: As `average_precision` gives them.
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _sum_of_precisions(scores, targets):
    order = np.argsort(-scores, kind="stable")
    scores, targets = scores[order], targets[order]
    # Of equal scores all are found at the place of the last of them.
    last = np.searchsorted(-scores, -scores, side="right")
    return float((np.cumsum(targets)[last - 1] / last)[targets].sum())
