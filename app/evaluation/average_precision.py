"""Mean average precision: how well a class's videos are ranked before the others."""

import numpy as np


def average_precision(scores, targets):
    """The average precision of every class.

    Args:
        scores: float `[n_videos, n_classes]`.
        targets: bool `[n_videos, n_classes]`, which classes apply.

    Returns:
        float64 `[n_classes]`: the mean, over the videos of a class, of the precision among those
        that score at least as high; nan for a class without videos. Videos of equal score count
        as found together.

    Source: the area under the precision-recall curve as a step function, as Charades and
    scikit-learn's `average_precision_score` have it.
    """
    return np.array([_of_one_class(s, t) for s, t in zip(scores.T, targets.T, strict=True)])


def mean_average_precision(scores, targets):
    """The mean of `average_precision` over the classes that have videos; nan where none has."""
    values = average_precision(scores, targets)
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def _of_one_class(scores, targets):
    if not targets.any():
        return np.nan
    order = np.argsort(-scores, kind="stable")
    scores, targets = scores[order], targets[order]
    # Of equal scores all are found at the place of the last of them.
    last = np.searchsorted(-scores, -scores, side="right")
    precision = np.cumsum(targets)[last - 1] / last
    return float(precision[targets].mean())
