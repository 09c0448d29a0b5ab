"""python -m app evaluate: how good a trained network is, clip by clip and video by video.

python -m app evaluate runs/mine
python -m app evaluate runs/mine --views windows:16
python -m app evaluate weights/r3d50_K_200ep.pdparams --videos VIDEOS --annotation kinetics.json
"""

from pathlib import Path

from app.errors import UserError, writing
from app.evaluation.report import EvaluationReport, ReportFiles
from app.evaluation.result_file import names_in_results
from app.evaluation.scoring import Scoring
from app.evaluation.videos import find_true_classes, find_videos
from app.inference.open_engine import open_engine
from app.processes import Processes
from app.report import refresh
from app.stop_signals import Interrupted, Stopped, stop_signals
from app.trained import find_trained
from datasets.clips.views import Views
from datasets.shown import counted


def evaluate(config):
    """Evaluate a network on one part of a data set, and keep what was found.

    Args:
        config: `app.configuration.EvaluateConfig`.

    Returns:
        `app.evaluation.report.EvaluationReport`, also stored under evaluation/; or
        `Interrupted` after Ctrl-C or SIGTERM; or `app.processes.Helped` in all processes but the
        first.

    Raises:
        UserError: The network or the videos cannot be found or used, or do not fit together.
    """
    with Processes("go on with the same command and --resume") as processes:
        return _evaluate(config, processes)


def _evaluate(config, processes):
    trained = find_trained(config.run, config.checkpoint)
    # Those of the validation in training.
    usual_views = Views("even", trained.configuration.clip.val_clips)
    views = _parse_views(config.views) if config.views else usual_views
    videos = find_videos(config, trained)
    engine = open_engine(
        trained,
        device=config.device,
        kind=config.engine,
        labels=config.labels,
        precision=config.precision,
    )
    true_classes = find_true_classes(videos, engine, config.run)
    index = videos.index
    scoring = Scoring(config, trained, engine, videos, true_classes, views)
    if processes.rank > 0:
        return processes.help(scoring.score, scoring.facts)

    parts = [videos.split, *videos.names, *([views.file_name] if views != usual_views else ())]
    if config.precision != "fp32":
        parts.append(config.precision)
    folder = _make_folder(config.output or trained.evaluations)
    files = ReportFiles.choose(folder, "-".join(parts), videos.source)
    with writing(files.report.parent):
        scoring.begin(files, config.resume)
    with writing(files.report.parent, scoring.describe):
        try:
            with stop_signals():
                scoring.run(processes.share)
        except Stopped as stop:
            return Interrupted(
                f"stopped after {scoring.n_finished} of {counted(len(index), 'video')}; continue "
                "with the same command and --resume",
                stop.signal_number,
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
            split=videos.split,
            source=videos.source,
            views=str(views),
            labels=engine.labels,
            true_classes=true_classes,
            paths=[index.path(row) for row in range(len(index))],
            video_ids=names_in_results(index),
            evaluation=evaluation,
            failed=dict(sorted(scoring.failures.failed.items())),
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


def _make_folder(folder):
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be made: {error.strerror}; name another by --output"
        ) from None
    return Path(folder)
