"""What becomes of each source once it was seen: printed, drawn and kept at once."""

import sys
from contextlib import contextmanager, nullcontext

from tqdm import tqdm

from app.errors import UserError, writing
from app.prediction.annotate import annotate
from app.prediction.explain import explain
from app.prediction.feature_file import FeatureFile, VideoFeatures
from app.prediction.formats import as_text, failure_as_text
from app.prediction.live import LiveView
from app.prediction.prediction import Prediction
from app.prediction.report import FeatureReport, PredictionReport
from app.prediction.timeline import clock, draw_timeline
from app.prediction.video_copy import open_copy
from datasets.decoding.errors import VideoError
from datasets.shown import shown


class Results:
    """Classes of videos.

    Args:
        config: `app.configuration.PredictConfig`.
        engine: The `Engine` that predicts.
        grad_cam: `GradCam` of the same network where `explain` is asked for, else None.
        page: `LivePage` where `serve` is asked for, else None.
        files: `OutputFiles`.
        failed: Name -> reason of what has failed already; what fails later is added.

    Attributes:
        contract: `weights.description.InputContract` of the network.
        compute: What it makes of clips.
    """

    def __init__(self, config, engine, grad_cam, page, files, failed):
        self._config, self._engine, self._files = config, engine, files
        self._grad_cam, self._page = grad_cam, page
        self._predictions = []
        self.failed = failed
        self.contract = engine.description.input
        self.compute = engine.scores

    def begin(self, source):
        """A `Prediction` to be filled."""
        return Prediction(source, self._engine.labels, keep_windows=self._config.timeline)

    @contextmanager
    def live(self, source):
        """A `LiveView` of a stream while it runs; None for videos, which can be seen again."""
        if source.kind != "stream":
            yield None
        elif self._config.annotate:
            path = self._files.copy(source, "annotate")
            with open_copy("--annotate", path) as copy:
                yield LiveView(copy, self._page)
            self.written(path)
        else:
            yield LiveView(page=self._page)

    def tell(self, prediction, latency, view):
        """Print and show the latest window of a stream."""
        best, score = prediction.best[-1]
        label = prediction.labels[best]
        view.caption = f"{label}  {score:.2f}"
        if self._config.format == "table":
            when = clock(prediction.seconds[-1], duration=0)
            print_result(f"  {when:>9}  {score:.4f}  {shown(label)}  (latency {latency:.2f} s)")

    def finish(self, prediction):
        """Print a prediction, and then draw it: what goes wrong there comes too late for it."""
        self._predictions.append(prediction)
        print_result(as_text(prediction, self._config))
        source = prediction.source
        if self._config.timeline:
            self._write(prediction, draw_timeline, self._files.timeline)
        if source.kind == "stream":
            return
        if self._config.annotate:
            self._write(prediction, annotate, self._files.copy, "annotate")
        if self._config.explain:
            self._write(prediction, self._explain, self._files.copy, "explain")

    def fail(self, name, reason):
        """Name what has come to nothing."""
        self.failed[name] = reason
        complain(f"error: {name}: {reason}")
        print_result(failure_as_text(name, reason, self._config))

    def report(self, signal_number):
        """The `PredictionReport` of all."""
        return PredictionReport(
            self._config,
            self._predictions,
            self.failed,
            self._engine.name,
            self._files.written,
            signal_number,
        )

    def written(self, path):
        """Name a file that is there."""
        self._files.written.append(str(path))
        if self._config.format == "table":
            print_result(f"written: {shown(path)}")

    def _write(self, prediction, draw, choose_path, *option):
        try:
            path = choose_path(prediction.source, *option)
            with writing(path):
                draw(prediction, path)
        except (VideoError, UserError) as error:
            self.fail(prediction.source.name, reason_of(error))
        else:
            self.written(path)

    def _explain(self, prediction, path):
        config = self._config
        explain(prediction, path, self._grad_cam, self.contract, config.step, config.batch_size)


class FeatureResults:
    """Features of videos, in a file.

    Args:
        config, engine, failed: As of `Results`.
    """

    def __init__(self, config, engine, failed):
        self._config, self._engine = config, engine
        self._file = FeatureFile(config.features)
        self.failed = failed
        self.contract = engine.description.input
        self.compute = engine.features

    def begin(self, source):
        """`VideoFeatures` to be filled."""
        return VideoFeatures(source)

    def live(self, source):
        """Nothing is shown of features."""
        return nullcontext()

    def finish(self, features):
        """Keep the features of a video.

        Raises:
            UserError: They cannot be written.
        """
        with writing(f"--features {self._file.path}"):
            self._file.add(features)

    fail = Results.fail

    def report(self, signal_number):
        """Write the file.

        Returns:
            `FeatureReport`.

        Raises:
            UserError: It cannot be written.
        """
        path = self._file.path if len(self._file) else None
        if path:
            with writing(f"--features {path}"):
                self._file.write()
        return FeatureReport(path, len(self._file), self.failed, self._engine.name, signal_number)


def reason_of(error):
    """What a `VideoError` or `UserError` says, without the name of the video."""
    return error.reason if isinstance(error, VideoError) else str(error)


def complain(text):
    """Print a line about trouble beside the progress bar."""
    tqdm.write(shown(text), sys.stderr)


def print_result(text):
    """Print a part of the result at once, whatever comes later; None prints nothing."""
    if text is not None:
        with writing("standard output"):
            tqdm.write(text, sys.stdout)
            sys.stdout.flush()
