"""What the demo page shows of one video."""

import tempfile
from pathlib import Path

from app.prediction.explain import explain
from app.prediction.prediction import Prediction
from app.prediction.timeline import draw_timeline
from app.prediction.video_sources import VideoSource
from app.prediction.windows import VideoWindows, in_batches

# Grad-CAM computes in eager mode, forwards and backwards: somebody waits for it.
LONGEST_EXPLAINED = 100


class DemoVideo:
    """Recognises and explains videos.

    Args:
        engine: The `Engine` that predicts.
        grad_cam: `GradCam` of the same network, or None.
        folder: Where pictures and videos are written, each in a folder of its own.
    """

    def __init__(self, engine, grad_cam, folder):
        self._engine, self._grad_cam = engine, grad_cam
        self._folder = folder

    def predict(self, path):
        """The `Prediction` of a video file, window by window.

        Raises:
            VideoError: It cannot be read.
        """
        source, engine = VideoSource(path, "video"), self._engine
        windows = VideoWindows(source, engine.description.input)
        prediction = Prediction(source, engine.labels, keep_windows=True)
        for starts, seconds, clips in in_batches(windows, engine.batch_size):
            prediction.add(starts, seconds, engine.scores(clips))
        prediction.end(windows)
        return prediction

    def timeline(self, prediction):
        """Draw the scores over time; returns the path of the picture."""
        path = self._place() / "timeline.png"
        draw_timeline(prediction, path)
        return path

    def why_unexplained(self, prediction):
        """Why there is no Grad-CAM of a video; None where there is."""
        if self._grad_cam is None:
            return "No Grad-CAM: an exported network has no gradients; open the run instead."
        if len(prediction.starts) > LONGEST_EXPLAINED:
            return (
                "No Grad-CAM: the video is too long to wait for it; "
                "`python -m app predict RUN VIDEO --explain out.mp4` takes its time."
            )
        return None

    def explained(self, prediction):
        """Write the copy with the Grad-CAM maps; returns its path."""
        path = self._place() / "grad-cam.mp4"
        contract, size = self._engine.description.input, self._engine.batch_size
        explain(prediction, path, self._grad_cam, contract, batch_size=size)
        return path

    def _place(self):
        return Path(tempfile.mkdtemp(dir=self._folder))
