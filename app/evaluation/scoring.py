"""The work of an evaluation: clips to scores, kept video by video so that it can be resumed."""

import hashlib
from contextlib import closing

from tqdm import tqdm

from app.data import packet_indexes, worker_count
from app.evaluation.progress import Progress
from app.evaluation.scores import VideoScores
from app.failures import FailureLog
from datasets.clips.clip_shape import ClipShape
from datasets.clips.stream import ClipStream
from datasets.shown import counted


class Scoring:
    """The scoring of all videos.

    Args:
        config: `app.configuration.EvaluateConfig`.
        trained: `app.trained.Trained`.
        engine: `app.inference.engine.Engine` of it.
        videos: `app.evaluation.videos.EvaluatedVideos`.
        true_classes: As `app.evaluation.videos.find_true_classes` gives them.
        views: `datasets.clips.views.Views`.
        files: `app.evaluation.report.ReportFiles`.

    Attributes:
        scores: `app.evaluation.scores.VideoScores` of what is finished.
        failures: `app.failures.FailureLog`.
        progress: `app.evaluation.progress.Progress`.

    Raises:
        UserError: There is another evaluation to be resumed.
    """

    def __init__(self, config, trained, engine, videos, true_classes, views, files):
        batch_size = config.batch_size or engine.batch_size
        weights = trained.weights.stat()
        settings = {
            "network": f"{trained.name}, {weights.st_size} bytes of {weights.st_mtime_ns}",
            "engine": engine.name,
            "source": videos.source,
            "split": videos.split,
            "views": str(views),
            "batch_size": batch_size,
            "list of videos": _digest(videos.index, true_classes),
        }
        n_classes = len(engine.labels)
        self.engine = engine
        self.scores = VideoScores(true_classes, n_classes)
        self.progress = Progress(files.progress, settings, n_classes)
        if config.resume:
            self.scores.restore(self.progress.resume())
        else:
            self.progress.begin()
            files.failures.unlink(missing_ok=True)
        self.failures = FailureLog(files.failures)
        contract = engine.description.input
        self.stream = ClipStream(
            videos.index,
            views,
            ClipShape(contract.frames, contract.stride, contract.size),
            batch_size,
            worker_count(config.workers),
            self.scores.is_finished.nonzero()[0].tolist(),
            packet_indexes(videos.annotation),
        )

    @property
    def n_finished(self):
        """Number of videos that are done with."""
        return int(self.scores.is_finished.sum())

    def describe(self):
        """Say what is kept of it."""
        return (
            f"{self.n_finished} of {counted(len(self.scores.is_finished), 'video')} scored and "
            "kept; go on with the same command and --resume"
        )

    def run(self):
        """Score what is not scored yet."""
        total = len(self.scores.is_finished)
        # disable=None: no bar where stderr is not a screen.
        bar = tqdm(total=total, initial=self.n_finished, unit="video", disable=None)
        with bar, closing(score_pieces(self.engine, self.stream, self.scores)) as scored:
            for records, failures in scored:
                for failure in failures:
                    self.failures.record(failure)
                self.progress.add(records)
                bar.update(len(records))


def score_pieces(engine, stream, scores):
    """Run a network over a stream of clips.

    Args:
        engine: `app.inference.engine.Engine`.
        stream: `datasets.clips.stream.ClipStream`.
        scores: `app.evaluation.scores.VideoScores`, without the clips of any video of the stream.

    Yields:
        Whenever videos are finished: their records, and the `Failure` of those that failed.
    """
    with closing(iter(stream)) as pieces:
        for piece in pieces:
            if piece.clips is not None:
                scores.add(piece.rows, engine.logits(piece.clips))
            for failure in piece.failures:
                scores.drop(failure.row)
            if piece.finished:
                yield scores.finish(piece.finished), piece.failures


def _digest(index, true_classes):
    """A short text that changes when the videos or their classes do."""
    digest = hashlib.sha256(true_classes.tobytes())
    for row in range(len(index)):
        digest.update(f"{index.path(row)}\0{index.first[row]}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]
