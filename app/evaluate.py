"""python -m app evaluate: how good a trained network is, clip by clip and video by video.

python -m app evaluate runs/mine
python -m app evaluate runs/mine --views windows:16
python -m app evaluate weights/r3d50_K_200ep.pdparams --videos VIDEOS --annotation kinetics.json
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import paddle.distributed as dist

from app.data import read_splits
from app.errors import UserError, writing
from app.evaluation.report import EvaluationReport, ReportFiles
from app.evaluation.scoring import Scoring
from app.inference.open_engine import open_engine
from app.report import refresh
from app.stop_signals import Stopped, stop_signals
from app.trained import find_trained
from datasets.clips.views import Views
from datasets.shown import counted, shown


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
            f"stopped after {self.done} of {counted(self.n_videos, 'video')}; continue with the "
            "same command and --resume"
        )


def evaluate(config):
    """Evaluate a network on one part of a data set, and keep what was found.

    Args:
        config: `app.configuration.EvaluateConfig`.

    Returns:
        `app.evaluation.report.EvaluationReport`, also stored under evaluation/; or
        `InterruptedEvaluation` after Ctrl-C or SIGTERM.

    Raises:
        UserError: The network or the videos cannot be found or used, or do not fit together.
    """
    if dist.get_world_size() > 1:
        raise UserError("evaluate runs in one process; start it without paddle.distributed.launch")
    trained = find_trained(config.run, config.checkpoint)
    # Those of the validation in training.
    usual_views = Views("even", trained.configuration.clip.val_clips)
    views = _parse_views(config.views) if config.views else usual_views
    index, annotation = _read_index(config, trained)
    engine = open_engine(trained, device=config.device, kind=config.engine, labels=config.labels)
    true_classes = _true_classes(index, engine, config)

    name = config.split if views == usual_views else f"{config.split}-{views.file_name}"
    files = ReportFiles(_make_folder(config.output or trained.evaluations), name)
    with writing(files.report.parent):
        scoring = Scoring(config, trained, engine, index, annotation, true_classes, views, files)
    with writing(files.report.parent, scoring.describe):
        try:
            with stop_signals():
                scoring.run()
        except Stopped as stop:
            return InterruptedEvaluation(
                config.run, scoring.n_finished, len(index), stop.signal_number
            )
        evaluation = scoring.scores.summary()
        if evaluation.clips == 0:
            raise UserError(
                f"none of the {counted(len(index), 'video')} could be read: {files.failures}"
            )
        report = EvaluationReport(
            files=files,
            network=trained.name,
            engine=engine.name,
            split=config.split,
            views=str(views),
            labels=engine.labels,
            true_classes=true_classes,
            paths=[index.path(row) for row in range(len(index))],
            video_ids=_unique(index.video_id(row) for row in range(len(index))),
            evaluation=evaluation,
            failed=scoring.failures.failed,
        )
        report.write(config.top_k)
        scoring.progress.remove()
    if trained.checkpoint is not None and config.output is None:
        refresh(trained.folder)
    return report


def _parse_views(text):
    try:
        return Views.parse(text)
    except ValueError as error:
        raise UserError(f"--views {error}") from None


def _read_index(config, trained):
    """The videos to evaluate, and the annotation that names them or None."""
    named = {
        "videos": config.videos,
        "annotation": config.annotation,
        "split": config.annotation_split,
    }
    data = replace(trained.configuration.data, **{k: v for k, v in named.items() if v is not None})
    if data.videos is None and data.annotation is None and trained.checkpoint is None:
        raise UserError(
            f"{config.run}: is not a run folder, so name the videos to evaluate it on: --videos, "
            "and --annotation unless its subfolders are the classes"
        )
    splits = read_splits(data, trained.configuration.train.seed)
    for note in splits.notes:
        print(shown(note), flush=True)
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


def _unique(names):
    """Names with a number behind those that were there before, as segments of a video are."""
    times = Counter()
    unique = []
    for name in names:
        times[name] += 1
        unique.append(name if times[name] == 1 else f"{name}#{times[name]}")
    return unique
