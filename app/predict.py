"""python -m app predict: the classes of videos, cameras and streams.

python -m app predict runs/mine clip.mp4 more_clips/ --format json
python -m app predict runs/mine long.mp4 --timeline --annotate long_labelled.mp4
python -m app predict weights/r3d50_K_200ep.pdparams "clips/*.avi" --features clips.npz
"""

import os
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from app.errors import UserError
from app.inference.open_engine import open_engine
from app.prediction.annotate import annotate
from app.prediction.feature_file import FeatureFile
from app.prediction.prediction import Prediction
from app.prediction.report import FeatureReport, PredictionReport
from app.prediction.timeline import clock, draw_timeline
from app.prediction.video_sources import file_name, find_sources
from app.prediction.windows import open_windows
from datasets.decoding.errors import VideoError

# What --annotate names one video by; anything else is a folder.
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov")


def predict(config):
    """Predict the classes of videos, or compute their features.

    Args:
        config: ``app.configuration.PredictConfig``.

    Returns:
        ``PredictionReport``, or ``FeatureReport`` with ``features``.

    Raises:
        UserError: The network cannot be used, the options contradict each other, or none of the
            sources leads anywhere.
    """
    _check_options(config)
    sources, failed = find_sources(config.sources)
    if not sources:
        raise UserError("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
    for name, reason in failed.items():
        _complain(name, reason)
    _check_outputs(config, sources)
    engine = open_engine(
        config.run,
        config.checkpoint,
        config.device,
        config.engine,
        config.labels,
        output="features" if config.features else "scores",
    )
    if config.features:
        return _write_features(config, engine, sources, failed)
    predictions, files = [], []
    interrupted = False
    for place, source in enumerate(sources, 1):
        try:
            prediction = _predict_one(config, engine, source, f"{place}/{len(sources)}")
            files += _write_pictures(config, prediction, files)
        except (VideoError, UserError) as error:
            _fail(failed, source, error)
        except KeyboardInterrupt:
            _complain(source.name, "interrupted; the videos before it are reported")
            interrupted = True
            break
        else:
            predictions.append(prediction)
    return PredictionReport(
        predictions,
        failed,
        config.format,
        config.top_k,
        config.timeline,
        engine.name,
        files,
        interrupted,
    )


def _check_options(config):
    if config.features:
        for option, given in (
            ("--timeline", config.timeline),
            ("--annotate", config.annotate),
            ("--format", config.format != "table"),
        ):
            if given:
                raise UserError(f"{option} shows classes, --features gives none: leave one out")
    if config.output is not None and not config.timeline:
        raise UserError("--output is the folder for the pictures of --timeline, which is not set")


def _check_outputs(config, sources):
    """Find out now, not after an hour, that a file cannot be written."""
    streams = [source for source in sources if source.kind == "stream"]
    if config.annotate:
        if streams:
            raise UserError(f"--annotate {config.annotate}: {streams[0].name} cannot be seen twice")
        if len(sources) > 1 and Path(config.annotate).suffix in VIDEO_SUFFIXES:
            raise UserError(
                f"--annotate {config.annotate}: is one file for {len(sources)} videos; name a "
                "folder"
            )
    if config.seconds and not streams:
        raise UserError("--seconds is for cameras and streams, there are none here")
    folders = {
        "--output": config.output,
        "--annotate": config.annotate and str(_annotated_path(config.annotate, sources[0]).parent),
        "--features": config.features and str(Path(config.features).parent),
    }
    for option, folder in folders.items():
        if folder:
            try:
                Path(folder).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"{option} {folder}: cannot be made: {error.strerror}") from None
            if not os.access(folder, os.W_OK):
                raise UserError(f"{option}: {folder} cannot be written to")
    if config.features and Path(config.features).is_dir():
        raise UserError(f"--features {config.features}: is a folder; name a .npz file")


def _predict_one(config, engine, source, place):
    prediction = Prediction(source, engine.labels, keep_windows=config.timeline)
    windows = open_windows(source, engine.description.input, config.step, config.seconds)
    live = source.kind == "stream" and config.format == "table"
    prediction.fps = windows.fps
    batch_size = 1 if source.kind == "stream" else config.batch_size
    try:
        for starts, clips in _batches(windows, batch_size, source, place):
            prediction.add(starts, engine.scores(clips))
            if live:
                _print_live(prediction)
    except KeyboardInterrupt:
        # The way to end a camera; what came until now counts.
        if source.kind != "stream" or not prediction.starts:
            raise
    except VideoError as error:
        if source.kind != "stream" or not prediction.starts:
            raise
        tqdm.write(f"{source.name}: ended: {error.reason}", sys.stderr)
    if not prediction.starts:
        raise VideoError(source.name, "no frame came")
    prediction.n_frames = windows.n_frames
    return prediction


def _batches(windows, batch_size, source, place):
    """Group windows: pairs of their first frames and uint8 ``[N, 3, T, S, S]``."""
    starts, clips = [], []
    # disable=None: no bar where stderr is not a screen.
    with tqdm(
        total=windows.total,
        desc=f"{place} {Path(source.name).name}",
        unit="window",
        leave=False,
        disable=None,
    ) as bar:
        for start, clip in windows:
            starts.append(start)
            clips.append(clip)
            if len(clips) == batch_size:
                yield starts, np.stack(clips)
                bar.update(len(clips))
                starts, clips = [], []
        if clips:
            yield starts, np.stack(clips)
            bar.update(len(clips))


def _print_live(prediction):
    start, (best, score) = prediction.starts[-1], prediction.best[-1]
    when = clock(prediction.seconds(start)) if prediction.fps else start
    tqdm.write(f"  {when:>8}  {score:.4f}  {prediction.labels[best]}")
    sys.stdout.flush()


def _write_pictures(config, prediction, files):
    """Write what the options ask for; returns the paths, none of them in ``files`` already."""
    written = []
    if config.timeline:
        folder = Path(config.output or ".")
        path = _unused(folder / f"{file_name(prediction.source)}.timeline.png", files)
        draw_timeline(prediction, path)
        written.append(path)
    if config.annotate:
        path = _unused(_annotated_path(config.annotate, prediction.source), files)
        if path.exists() and path.samefile(prediction.source.name):
            raise UserError(f"--annotate {path}: is the video itself; name another file")
        annotate(prediction, path)
        written.append(path)
    return [str(path) for path in written]


def _annotated_path(annotate, source):
    path = Path(annotate)
    return path if path.suffix in VIDEO_SUFFIXES else path / f"{file_name(source)}.mp4"


def _unused(path, files):
    """The path, or one like it that this command has not written to yet."""
    stem, suffix = path.name.split(".", 1)
    names = (f"{stem}{f'-{n}' if n > 1 else ''}.{suffix}" for n in range(1, len(files) + 2))
    return next(p for p in map(path.with_name, names) if str(p) not in files)


def _write_features(config, engine, sources, failed):
    file = FeatureFile()
    interrupted = False
    for place, source in enumerate(sources, 1):
        starts, features = [], []
        try:
            windows = open_windows(source, engine.description.input, config.step, config.seconds)
            for some, clips in _batches(
                windows, config.batch_size, source, f"{place}/{len(sources)}"
            ):
                starts += some
                features.append(engine.features(clips))
            if not starts:
                raise VideoError(source.name, "no frame came")
        except VideoError as error:
            _fail(failed, source, error)
        except KeyboardInterrupt:
            _complain(source.name, "interrupted; the videos before it are kept")
            interrupted = True
            break
        else:
            file.add(source.name, starts, np.concatenate(features))
    if len(file):
        try:
            file.write(config.features)
        except OSError as error:
            raise UserError(
                f"--features {config.features}: cannot be written: {error.strerror}"
            ) from None
    path = config.features if len(file) else None
    return FeatureReport(path, len(file), failed, engine.name, interrupted)


def _fail(failed, source, error):
    reason = error.reason if isinstance(error, VideoError) else str(error)
    failed[source.name] = reason
    _complain(source.name, reason)


def _complain(name, reason):
    tqdm.write(f"error: {name}: {reason}", sys.stderr)
