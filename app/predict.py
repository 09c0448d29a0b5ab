"""python -m app predict: the classes of videos, cameras and streams.

python -m app predict runs/mine clip.mp4 more_clips/ --format json
python -m app predict runs/mine long.mp4 --timeline --annotate long_labelled.mp4
python -m app predict weights/r3d50_K_200ep.pdparams "clips/*.avi" --features clips.npz
"""

from pathlib import Path

from tqdm import tqdm

from app.errors import UserError
from app.inference.open_engine import open_engine
from app.prediction.grad_cam import GradCam
from app.prediction.live import LivePage
from app.prediction.output_files import OutputFiles
from app.prediction.results import FeatureResults, Results, complain, print_result, reason_of
from app.prediction.stream_windows import StreamWindows
from app.prediction.video_sources import find_sources
from app.prediction.windows import VideoWindows, in_batches
from app.stop_signals import Stopped, stop_signals
from app.trained import find_trained
from datasets.decoding.errors import VideoError
from datasets.shown import shown


def predict(config):
    """Predict the classes of videos, or compute their features; print each result as it comes.

    Args:
        config: `app.configuration.PredictConfig`.

    Returns:
        `PredictionReport`, or `FeatureReport` with `features`.

    Raises:
        UserError: The network cannot be used, the options contradict each other, none of the
            sources leads anywhere, or the result cannot be written.
    """
    sources, failed = find_sources(config.sources)
    if not sources:
        raise UserError("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
    for name, reason in failed.items():
        complain(f"error: {name}: {reason}")
    _check_options(config, sources)
    files = OutputFiles(config, sources)
    output = "features" if config.features else "scores"
    trained = find_trained(config.run, config.checkpoint)
    grad_cam = GradCam.open(trained, config.device) if config.explain else None
    engine = open_engine(
        trained, device=config.device, kind=config.engine, labels=config.labels, output=output
    )
    page = LivePage(config.serve) if config.serve else None
    if page:
        complain(f"watch on {page.address}")
    try:
        if config.features:
            results = FeatureResults(config, engine, failed)
        else:
            results = Results(config, engine, grad_cam, page, files, failed)
        try:
            signal_number = _predict_all(config, engine, sources, results)
        except Exception:
            # A mistake of ours does not take along what was finished.
            print_result(str(results.report(None)) or None)
            raise
    finally:
        if page:
            page.close()
    return results.report(signal_number)


def _predict_all(config, engine, sources, results):
    """Go through the sources; returns the number of the signal that ended it, or None."""
    source = sources[0]
    try:
        # disable=None: no bar where stderr is not a screen.
        with stop_signals(), tqdm(sources, unit="video", leave=False, disable=None) as bar:
            for source in bar:
                _predict_one(config, engine, source, results)
    except Stopped as stop:
        complain(f"stopped in {source.name}; what was finished is kept")
        return stop.signal_number
    return None


def _check_options(config, sources):
    if config.features:
        for option, given in (
            ("--timeline", config.timeline),
            ("--annotate", config.annotate),
            ("--explain", config.explain),
            ("--serve", config.serve),
            ("--format", config.format != "table"),
        ):
            if given:
                raise UserError(f"{option} shows classes, --features gives none: leave one out")
    if config.output is not None and not config.timeline:
        raise UserError("--output is the folder for the pictures of --timeline, which is not set")
    streams = [source.name for source in sources if source.kind == "stream"]
    for option in ("seconds", "reconnect", "serve"):
        if getattr(config, option) and not streams:
            raise UserError(f"--{option} is for cameras and streams, there are none here")
    if config.explain and streams:
        raise UserError(f"--explain {config.explain}: {streams[0]} cannot be seen twice")


def _predict_one(config, engine, source, results):
    gathered, ended = results.begin(source), None
    is_stream = source.kind == "stream"
    try:
        with results.live(source) as view:
            windows = _open_windows(config, engine, source, view)
            try:
                for starts, seconds, clips in _batches(windows, config, source):
                    gathered.add(starts, seconds, results.compute(clips))
                    if view:
                        results.tell(gathered, windows.latency, view)
            except (VideoError, Stopped) as end:
                # The way in which cameras and streams end; what came until now counts.
                if not is_stream or not gathered.starts:
                    raise
                ended = end
            finally:
                gathered.end(windows)
            if not gathered.starts:
                raise VideoError(source.name, "no frame came")
    except (VideoError, UserError) as error:
        results.fail(source.name, reason_of(error))
        if not is_stream or not gathered.starts:
            return
    if isinstance(ended, VideoError):
        complain(f"{source.name}: ended: {ended.reason}")
    results.finish(gathered)
    if isinstance(ended, Stopped):
        raise ended


def _open_windows(config, engine, source, view):
    contract = engine.description.input
    if source.kind != "stream":
        return VideoWindows(source, contract, config.step)
    watch = view.show if view else None
    return StreamWindows(source, contract, config.step, config.seconds, config.reconnect, watch)


def _batches(windows, config, source):
    """The batches of a source, as `in_batches`, with a bar that counts its windows."""
    with tqdm(
        total=windows.total,
        desc=shown(Path(source.name).name),
        unit="window",
        leave=False,
        disable=None,
    ) as bar:
        for batch in in_batches(windows, 1 if source.kind == "stream" else config.batch_size):
            yield batch
            bar.update(len(batch[0]))
