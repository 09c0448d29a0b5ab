"""python -m app evaluate: how good a trained network is, clip by clip and video by video.

python -m app evaluate runs/mine
python -m app evaluate runs/mine --views windows:16
python -m app evaluate weights/r3d50_K_200ep.pdparams --videos VIDEOS --annotation kinetics.json
"""

import hashlib
import signal
import threading
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import paddle
import paddle.distributed as dist
from tqdm import tqdm

from app.configuration import FitConfig
from app.data import packet_indexes, read_splits, worker_count
from app.errors import UserError
from app.evaluation.report import EvaluationReport, ReportFiles
from app.evaluation.scores import Progress, VideoScores, summarise
from app.failures import FailureLog
from app.inference.eager import DynamicEngine
from app.inference.exported_folder import PARAMETERS, is_exported
from app.inference.open_engine import find_weights, open_engine
from app.run_folder import RunFolder
from datasets.clips.stream import ClipStream
from datasets.clips.views import Views

# Clips per step of paddle.inference: more are hardly faster on a CPU, and cost memory.
BATCH_SIZE = 8


@dataclass(frozen=True)
class InterruptedEvaluation:
    """An evaluation that was asked to stop; what it found so far is kept.

    Args:
        run: What was evaluated.
        done: Number of finished videos.
        n_videos: Number of all videos.
        signal_number: The signal that asked.
    """

    run: str
    done: int
    n_videos: int
    signal_number: int

    @property
    def exit_code(self):
        return 128 + self.signal_number

    def __str__(self):
        return (
            f"stopped after {self.done} of {self.n_videos} videos; continue with the same command "
            "and --resume"
        )


def evaluate(config):
    """Evaluate a network on one part of a data set, and keep what was found.

    Args:
        config: ``app.configuration.EvaluateConfig``.

    Returns:
        ``app.evaluation.report.EvaluationReport``, also stored under evaluation/; or
        ``InterruptedEvaluation`` after Ctrl-C or SIGTERM.

    Raises:
        UserError: The network or the videos cannot be found or used, or do not fit together.
    """
    if dist.get_world_size() > 1:
        raise UserError("evaluate runs in one process; start it without paddle.distributed.launch")
    source = _find_source(config)
    views = _parse_views(config.views) if config.views else source.usual_views
    index, annotation = _read_index(config, source)
    engine = open_engine(config.run, config.checkpoint, config.device, config.engine, config.labels)
    true_classes = _true_classes(index, engine, config)

    name = config.split if views == source.usual_views else f"{config.split}-{views.file_name}"
    files = ReportFiles(_make_folder(config.output or source.folder), name)
    run = _Evaluation(
        config, source, files, index, views, engine, true_classes, packet_indexes(annotation)
    )
    with _stop_signals():
        try:
            records = run.score_videos()
        except _Stopped as stop:
            return InterruptedEvaluation(
                config.run, len(run.records), len(index), stop.signal_number
            )
    evaluation = summarise(records, true_classes, len(engine.labels))
    if evaluation.clips == 0:
        raise UserError(f"none of the {len(index)} videos could be read: {files.failures}")
    report = EvaluationReport(
        files=files,
        network=source.network,
        engine=engine.name,
        split=config.split,
        views=str(views),
        labels=engine.labels,
        true_classes=true_classes,
        video_ids=_unique(index.video_id(row) for row in range(len(index))),
        evaluation=evaluation,
        failed=run.failures.failed,
    )
    report.write(config.top_k)
    run.progress.remove()
    return report


@dataclass(frozen=True)
class _Source:
    """What a network to evaluate comes with.

    Args:
        network: Its name: that of the checkpoint, file or folder.
        weights: The file of its weights.
        trained: Configuration of its training; the defaults where it is not a run.
        folder: Where its evaluations are kept.
    """

    network: str
    weights: Path
    trained: FitConfig
    folder: Path

    @property
    def usual_views(self):
        """The views of the validation in training."""
        return Views("even", self.trained.clip.val_clips)


def _find_source(config):
    path = Path(config.run)
    if is_exported(path):
        return _Source(path.name, path / PARAMETERS, FitConfig(), path / "evaluation")
    weights = find_weights(path, config.checkpoint)
    if path.is_dir():
        folder = RunFolder(path)
        return _Source(weights.parent.name, weights, folder.read_config(), folder.evaluation)
    return _Source(path.name, weights, FitConfig(), path.parent / "evaluation" / path.stem)


def _parse_views(text):
    try:
        return Views.parse(text)
    except ValueError as error:
        raise UserError(f"--views {error}") from None


def _read_index(config, source):
    """The videos to evaluate, and the annotation that names them or None."""
    named = {
        "videos": config.videos,
        "annotation": config.annotation,
        "split": config.annotation_split,
    }
    data = replace(source.trained.data, **{k: v for k, v in named.items() if v is not None})
    is_run = (Path(config.run) / "config.yaml").is_file()
    if data.videos is None and data.annotation is None and not is_run:
        raise UserError(
            f"{config.run}: is not a run folder, so name the videos to evaluate it on: --videos, "
            "and --annotation unless its subfolders are the classes"
        )
    splits = read_splits(data, source.trained.train.seed)
    for note in splits.notes:
        print(note, flush=True)
    return splits[config.split], data.annotation


def _true_classes(index, engine, config):
    """The output number of the class of each video; classes are matched by name."""
    labels = engine.description.labels
    if labels is None:
        raise UserError(f"{config.run}: nobody knows its class names; give them with --labels FILE")
    number_of = {label: number for number, label in enumerate(labels)}
    used = np.unique(index.label)
    if used[0] < 0:
        raise UserError(
            f"--split {config.split}: has videos without a class; evaluate needs the true classes, "
            "`python -m app predict` does not"
        )
    unknown = [index.labels[c] for c in used.tolist() if index.labels[c] not in number_of]
    if unknown:
        raise UserError(
            f"{config.run}: was trained on other classes than the videos have: it does not know "
            f"{unknown[0]!r}" + (f" and {len(unknown) - 1} more" if unknown[1:] else "")
        )
    numbers = np.array([number_of.get(label, -1) for label in index.labels], np.int64)
    return numbers[index.label]


def _make_folder(folder):
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be made: {error.strerror}; name another by --output"
        ) from None
    return Path(folder)


class _Evaluation:
    """The scoring of all videos, video by video into a file that a resume reads.

    Attributes:
        records: Record of each row so far, see ``app.evaluation.scores.record_type``.
        failures: ``app.failures.FailureLog``.
        progress: ``app.evaluation.scores.Progress``.
    """

    def __init__(self, config, source, files, index, views, engine, true_classes, packet_indexes):
        batch_size = config.batch_size
        if batch_size is None:
            # Eager sums depend on the batch in their last digits: as in training, the same loss.
            eager = isinstance(engine, DynamicEngine)
            batch_size = source.trained.train.batch_size if eager else BATCH_SIZE
        weights = source.weights.stat()
        settings = {
            "network": f"{source.network}, {weights.st_size} bytes of {weights.st_mtime_ns}",
            "engine": engine.name,
            "split": config.split,
            "views": str(views),
            "batch_size": batch_size,
            "list of videos": _digest(index, true_classes),
        }
        n_classes = len(engine.labels)
        self.engine = engine
        self.scores = VideoScores(true_classes, n_classes)
        self.progress = Progress(files.progress, settings, n_classes)
        self.records = self.progress.resume() if config.resume else {}
        if not config.resume:
            self.progress.begin()
            files.failures.unlink(missing_ok=True)
        self.failures = FailureLog(files.failures)
        contract = engine.description.input
        self.stream = ClipStream(
            index,
            views,
            contract.frames,
            contract.stride,
            contract.size,
            batch_size,
            worker_count(config.workers),
            self.records,
            packet_indexes,
        )
        self.n_videos = len(index)

    def score_videos(self):
        """Score what is not scored yet; returns the records of all rows."""
        bar = tqdm(total=self.n_videos, initial=len(self.records), unit="video", disable=None)
        with bar, closing(score_pieces(self.engine, self.stream, self.scores)) as scored:
            for records, failures in scored:
                for failure in failures:
                    self.failures.record(failure)
                self.progress.add(records)
                self.records.update((int(record["row"]), record) for record in records)
                bar.update(len(records))
        return self.records


def score_pieces(engine, stream, scores):
    """Run a network over a stream of clips.

    Args:
        engine: ``app.inference.open_engine.Engine``.
        stream: ``datasets.clips.stream.ClipStream``.
        scores: ``app.evaluation.scores.VideoScores``, without any clips yet.

    Yields:
        Whenever videos are finished: their records, and the ``Failure`` of those that failed.
    """
    with closing(iter(stream)) as pieces:
        for piece in pieces:
            if piece.clips is not None:
                scores.add(piece.rows, _logits(engine, piece.clips))
            for failure in piece.failures:
                scores.drop(failure.row)
            if piece.finished:
                yield scores.finish(piece.finished), piece.failures


def _logits(engine, clips):
    """Logits of clips; where the engine gives the softmax only, its logarithm is as good."""
    if isinstance(engine, DynamicEngine):
        with paddle.no_grad():
            return engine.recogniser(paddle.to_tensor(clips)).numpy()
    return np.log(np.maximum(engine.scores(clips), np.finfo(np.float32).tiny))


def _digest(index, true_classes):
    """A short text that changes when the videos or their classes do."""
    digest = hashlib.sha256(true_classes.tobytes())
    for row in range(len(index)):
        digest.update(f"{index.path(row)}\0{index.first[row]}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _unique(names):
    """Names with a number behind those that were there before, as segments of a video are."""
    times = Counter()
    unique = []
    for name in names:
        times[name] += 1
        unique.append(name if times[name] == 1 else f"{name}#{times[name]}")
    return unique


class _Stopped(Exception):  # noqa: N818 - an order to stop, not an error
    def __init__(self, signal_number):
        super().__init__(signal_number)
        self.signal_number = signal_number


@contextmanager
def _stop_signals():
    """Ctrl-C and SIGTERM raise ``_Stopped`` inside the block."""

    def stop(number, frame):
        raise _Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: the handler was not set from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
