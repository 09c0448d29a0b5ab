"""What a network says about one video, gathered window by window."""

import numpy as np


class Prediction:
    """Scores of the windows of one video; their mean is the score of the video.

    Args:
        source: `app.prediction.video_sources.VideoSource`.
        labels: Class names in the order of the scores.
        keep_windows: Whether to keep all scores of every window, for a timeline; the best class
            of each is kept anyway.

    Attributes:
        source, labels: As given.
        starts: First frame of each window.
        seconds: When that frame is shown, counted from the first frame of the video; None where
            the source has no times.
        best: Number and score of the best class of each window.
        windows: Scores of each window, float32 `[n_classes]`; empty unless kept.
        n_frames: Number of frames of the video, known at the end.
        fps: Mean frame rate, 0 when unknown.
        duration: When the last frame ends, in seconds; None where the source has no times.
    """

    def __init__(self, source, labels, keep_windows=False):
        self.source = source
        self.labels = labels
        self.starts = []
        self.seconds = []
        self.best = []
        self.windows = []
        self.n_frames = 0
        self.fps = 0.0
        self.duration = None
        self._keep = keep_windows
        self._sum = np.zeros(len(labels))

    def add(self, starts, seconds, scores):
        """Add windows, in order.

        Args:
            starts: First frames of K windows.
            seconds: Their times, or K times None.
            scores: float32 `[K, n_classes]`.
        """
        self.starts += starts
        self.seconds += seconds
        for row in scores:
            best = int(row.argmax())
            self.best.append((best, float(row[best])))
            if self._keep:
                self.windows.append(row)
        self._sum += scores.sum(axis=0, dtype=float)

    def end(self, windows):
        """Take over what the windows of the source know once all were seen."""
        self.n_frames, self.fps = windows.n_frames, windows.fps
        self.duration = windows.duration

    @property
    def scores(self):
        """Mean of the windows, float64 `[n_classes]`."""
        return self._sum / len(self.starts)

    @property
    def borders(self):
        """First frame of each window, and the end of the last one: `[K + 1]`."""
        return [*self.starts, self.n_frames]

    @property
    def border_seconds(self):
        """The times of `borders` in seconds, or None where the source has no times."""
        return None if self.duration is None else [*self.seconds, self.duration]

    def top(self, k, scores=None):
        """The best classes.

        Args:
            k: How many.
            scores: Scores to take them from; those of the whole video when None.

        Returns:
            List of (label, score), the best first.
        """
        scores = self.scores if scores is None else scores
        # Stable, so that equal scores always come in the order of the classes.
        order = np.argsort(-scores, kind="stable")[:k]
        return [(self.labels[number], float(scores[number])) for number in order]
