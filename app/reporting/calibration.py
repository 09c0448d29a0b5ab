"""Whether the scores of a network can be taken at their word."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """Scores of the predicted class against how often it is right, in bins of equal width.

    Args:
        score: float `[n_bins]`, mean score of the videos in a bin; nan where it is empty.
        accuracy: float `[n_bins]`, share of them that are right.
        videos: int `[n_bins]`, how many there are.
    """

    score: np.ndarray
    accuracy: np.ndarray
    videos: np.ndarray

    @property
    def expected_error(self):
        """The expected calibration error: the mean gap of the bins, weighted by their videos."""
        gaps = np.abs(self.score - self.accuracy)
        return float(np.nansum(gaps * self.videos) / self.videos.sum())


def calibrate(scores, right, n_bins=10):
    """Sort predictions into bins by their score.

    Args:
        scores: float `[n_videos]`, 0-1, of the predicted class.
        right: bool `[n_videos]`.
        n_bins: Number of bins.

    Returns:
        `Calibration`.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    scores, right = np.asarray(scores, float), np.asarray(right, float)
    bins = np.minimum((scores * n_bins).astype(int), n_bins - 1)
    videos = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bins, values, n_bins) / videos for values in (scores, right)]
    return Calibration(*means, videos)
