"""The work of an evaluation: clips to scores, kept video by video so that it can be resumed."""

import hashlib
from contextlib import closing

from tqdm import tqdm

from app.data import packet_indexes, worker_count
from app.evaluation.progress import Progress
from app.evaluation.scores import VideoScores
from app.failures import FailureLog
from app.processes import seen
from datasets.clips.clip_shape import ClipShape
from datasets.clips.stream import ClipStream
from datasets.shown import counted


class Scoring:
    """The scoring of all videos, which several processes share.

    Args:
        config: `app.configuration.EvaluateConfig`.
        trained: `app.trained.Trained`.
        engine: `app.inference.engine.Engine` of it.
        videos: `app.evaluation.videos.EvaluatedVideos`.
        true_classes: As `app.evaluation.videos.find_true_classes` gives them.
        views: `datasets.clips.views.Views`.

    Attributes:
        settings: Everything the scores depend on, as plain values by name.
        scores: `app.evaluation.scores.VideoScores` of what is finished.
        failures: `app.failures.FailureLog`, once it has begun.
        progress: `app.evaluation.progress.Progress`, once it has begun.
    """

    def __init__(self, config, trained, engine, videos, true_classes, views):
        batch_size = config.batch_size or engine.batch_size
        weights = trained.weights.stat()
        self.settings = {
            "network": f"{trained.name}, {weights.st_size} bytes of {weights.st_mtime_ns}",
            "engine": engine.name,
            "source": videos.source,
            "split": videos.split,
            "views": str(views),
            "batch_size": batch_size,
            "list of videos": _digest(videos.index, true_classes),
        }
        self.engine = engine
        self.scores = VideoScores(true_classes, len(engine.labels))
        contract = engine.description.input
        self.stream = ClipStream(
            videos.index,
            views,
            ClipShape(contract.frames, contract.stride, contract.size, contract.resize),
            batch_size,
            worker_count(config.workers),
            packet_indexes(videos.annotation),
        )

    def begin(self, files, resume):
        """Prepare to keep what is found.

        Args:
            files: `app.evaluation.report.ReportFiles`.
            resume: Whether to go on with an interrupted evaluation.

        Raises:
            UserError: That was another one.
        """
        self.progress = Progress(files.progress, self.settings, len(self.engine.labels))
        if resume:
            self.scores.restore(self.progress.resume())
        else:
            self.progress.begin()
            files.failures.unlink(missing_ok=True)
        self.failures = FailureLog(files.failures)

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

    def score(self, groups):
        """Score some groups of videos; yields one result of each, see `score_pieces`."""
        return score_pieces(self.engine, self.stream.only(groups), self.scores)

    def facts(self, groups):
        """What several processes must agree on, see `app.processes`."""
        rows = (row for group in groups for row in self.stream.rows(group))
        return {**self.settings, **seen(self.stream.index.path(row) for row in rows)}

    def run(self, share):
        """Score what is not scored yet.

        Args:
            share: `app.processes.Processes.share`.
        """
        finished = self.scores.is_finished
        todo = [g for g in self.stream.groups if not all(finished[self.stream.rows(g)])]
        # disable=None: no bar where stderr is not a screen.
        bar = tqdm(total=len(finished), initial=self.n_finished, unit="video", disable=None)
        with bar, closing(share(self.score, todo, self.facts)) as scored:
            for records, failures in scored:
                self.scores.restore(records)
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
