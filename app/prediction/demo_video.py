"""What the demo page shows of one video."""

import shutil
import tempfile
from collections import deque
from pathlib import Path

from app.errors import UserError
from app.prediction.annotate import copy_video
from app.prediction.explain import explain
from app.prediction.prediction import Prediction
from app.prediction.timeline import draw_timeline
from app.prediction.video_sources import VideoSource
from app.prediction.windows import VideoWindows, in_batches
from datasets.decoding import VideoError
from datasets.decoding.container import open_video
from datasets.shown import shown

# Grad-CAM computes in eager mode, forwards and backwards: somebody waits for it.
LONGEST_EXPLAINED = 100
# Pictures and videos that stay on the disk for those who still look at them.
KEPT = 100
# What every browser plays.
PLAYED_FILES, PLAYED_CODECS = (".mp4", ".webm"), ("h264", "vp8", "vp9", "libvpx", "libdav1d", "av1")
# Inches: small enough to be read on a narrow page.
TIMELINE = (8, 3.6)


class DemoVideo:
    """Recognises and explains videos.

    Args:
        engine: The `Engine` that predicts.
        grad_cam: `GradCam` of the same network, or None.
        folder: Where pictures and videos are written, each in a folder of its own.
    """

    def __init__(self, engine, grad_cam, folder):
        self._engine, self._grad_cam = engine, grad_cam
        self._folder, self._places = folder, deque()
        self._originals = {}

    def playable(self, path):
        """The path of what browsers can play: the video itself, or a copy; None of None."""
        if path is None:
            return None
        try:
            container, stream = open_video(path)
            with container:
                codec = stream.codec_context.name
            if path.endswith(PLAYED_FILES) and codec.startswith(PLAYED_CODECS):
                return path
            copy = self._place() / "copy.mp4"
            copy_video("demo", VideoSource(path, "video"), copy, lambda *_: None)
        except (VideoError, UserError):
            # `predict` says what is wrong with it.
            return path
        self._originals[str(copy)] = path
        return str(copy)

    def original(self, path):
        """The path of the video that `playable` made a copy of; of any other video its own."""
        return self._originals.get(path, path)

    def answers(self, path):
        """What the page shows of a video, as soon as it is there.

        Args:
            path: The video; None where it was taken away.

        Yields:
            A note, the scores by class, and the paths of the timeline and of the Grad-CAM video;
            None for what there is not, or not yet.
        """
        if path is None:
            yield None, None, None, None
            return
        note = scores = timeline = None
        try:
            prediction = self._predict(path)
            top = prediction.top(len(prediction.labels))
            scores = {shown(label): score for label, score in top}
            timeline = self._place() / "timeline.png"
            draw_timeline(prediction, timeline, TIMELINE)
            note = self._why_unexplained(prediction)
            yield note, scores, timeline, None
            if note is None:
                yield None, scores, timeline, self._explained(prediction)
        except VideoError as error:
            name = shown(Path(path).name)
            yield f"{name} cannot be read as a video: {error.reason}", scores, timeline, None
        except UserError as error:
            yield shown(error), scores, timeline, None

    def _predict(self, path):
        source, engine = VideoSource(path, "video"), self._engine
        windows = VideoWindows(source, engine.description.input)
        prediction = Prediction(source, engine.labels, keep_windows=True)
        for starts, seconds, clips in in_batches(windows, engine.batch_size):
            prediction.add(starts, seconds, engine.scores(clips))
        prediction.end(windows)
        return prediction

    def _why_unexplained(self, prediction):
        if self._grad_cam is None:
            return "No Grad-CAM: an exported network has no gradients; open the run instead."
        if len(prediction.starts) > LONGEST_EXPLAINED:
            return (
                "No Grad-CAM: the video is too long to wait for it; "
                "`python -m app predict RUN VIDEO --explain out.mp4` takes its time."
            )
        return None

    def _explained(self, prediction):
        path = self._place() / "grad-cam.mp4"
        contract, size = self._engine.description.input, self._engine.batch_size
        explain(prediction, path, self._grad_cam, contract, batch_size=size)
        return path

    def _place(self):
        """A new folder; the oldest one goes when there are many."""
        self._places.append(Path(tempfile.mkdtemp(dir=self._folder)))
        if len(self._places) > KEPT:
            shutil.rmtree(self._places.popleft(), ignore_errors=True)
        return self._places[-1]
