"""Grad-CAM for the videos of evaluations, by the network that was evaluated."""

import sys

from app.errors import UserError
from app.prediction.grad_cam import GradCam
from app.reporting.thumbnails import explained_strip_uri
from app.trained import find_trained


class Explaining:
    """Explains what a run's networks took videos for; what cannot be is said once and left out."""

    def __init__(self):
        self._opened = {}

    def strip_uri(self, run, evaluation, video):
        """A strip of frames with the map of the class that a video was taken for.

        Args:
            run: `RunRecord`.
            evaluation: `EvaluationRecord` of it.
            video: `VideoRow` of the evaluation.

        Returns:
            As `app.reporting.thumbnails.strip_uri`.
        """
        key = run.folder, evaluation.report["checkpoint"]
        if key not in self._opened:
            self._opened[key] = _open(*key)
        trained, grad_cam = self._opened[key]
        if grad_cam is None or video.predicted not in run.labels:
            return None
        number = run.labels.index(video.predicted)
        return explained_strip_uri(video.path, number, grad_cam, trained.description.input)


def _open(folder, checkpoint):
    try:
        trained = find_trained(folder, checkpoint)
        return trained, GradCam.open(trained, "auto")
    except UserError as error:
        print(f"no Grad-CAM of {checkpoint}: {error}", file=sys.stderr)
        return None, None
