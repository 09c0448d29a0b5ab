"""python -m app predict: the classes of videos, cameras and streams.

python -m app predict runs/mine clip.mp4 more_clips/ --format json
python -m app predict runs/mine long.mp4 --timeline --annotate long_labelled.mp4
python -m app predict weights/r3d50_K_200ep.pdparams "clips/*.avi" --features clips.npz
"""

from contextlib import closing
from functools import partial
from pathlib import Path

from tqdm import tqdm

from app.errors import UserError
from app.inference.open_engine import open_engine
from app.prediction.formats import failure_as_text, header
from app.prediction.grad_cam import GradCam
from app.prediction.live import LivePage
from app.prediction.output_files import OutputFiles
from app.prediction.results import FeatureResults, Results, complain, print_result, reason_of
from app.prediction.stream_windows import StreamWindows
from app.prediction.video_sources import find_sources
from app.prediction.windows import VideoWindows, in_batches
from app.processes import Processes, seen
from app.stop_signals import Stopped, stop_signals
from app.trained import find_trained
from datasets.decoding.errors import VideoError
from datasets.shown import shown


def predict(config):
    """Predict the classes of videos, or compute their features; print each result as it comes.

    Args:
        config: `app.configuration.PredictConfig`.

    Returns:
        `PredictionReport`, or `FeatureReport` with `features`; or `app.processes.Helped` in all
        processes but the first.

    Raises:
        UserError: The network cannot be used, the options contradict each other, none of the
            sources leads anywhere, or the result cannot be written.
    """
    with Processes("what was printed is right, what is missing has to be predicted again") as all_:
        return _help(config, all_) if all_.rank > 0 else _predict(config, all_)


def _help(config, processes):
    trained = find_trained(config.run, config.checkpoint)
    results = _results(config, _open_engine(config, trained))
    return processes.help(partial(_look_at_all, config, results), partial(_facts, trained))


def _predict(config, processes):
    sources, failed = find_sources(config.sources)
    if not sources:
        raise UserError("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
    for name, reason in failed.items():
        complain(f"error: {name}: {reason}")
    _check_options(config, sources, processes.number)
    files = OutputFiles(config, sources)
    trained = find_trained(config.run, config.checkpoint)
    grad_cam = GradCam.open(trained, config.device) if config.explain else None
    engine = _open_engine(config, trained)
    page = LivePage(config.serve) if config.serve else None
    if page:
        complain(f"watch on {page.address}")
    try:
        results = _results(config, engine, grad_cam, page, files, failed)
        if not config.features:
            print_result(header(config))
            for name, reason in failed.items():
                print_result(failure_as_text(name, reason, config))
        share = partial(processes.share, facts=partial(_facts, trained))
        try:
            signal_number = _predict_all(config, sources, results, share)
        except Exception:
            # A mistake of ours does not take along what was finished.
            print_result(str(results.report(None)) or None)
            raise
    finally:
        if page:
            page.close()
    return results.report(signal_number)


def _open_engine(config, trained):
    output = "features" if config.features else "scores"
    return open_engine(
        trained,
        device=config.device,
        kind=config.engine,
        labels=config.labels,
        output=output,
        precision=config.precision,
    )


def _results(config, engine, grad_cam=None, page=None, files=None, failed=None):
    if config.features:
        return FeatureResults(config, engine, failed)
    return Results(config, engine, grad_cam, page, files, failed)


def _facts(trained, sources):
    """What several processes must agree on, see `app.processes`."""
    return seen([trained.weights, *(source.name for source in sources)])


def _predict_all(config, sources, results, share):
    """Go through the sources; returns the number of the signal that ended it, or None."""
    source = sources[0]
    try:
        # disable=None: no bar where stderr is not a screen.
        with (
            stop_signals(),
            closing(share(partial(_look_at_all, config, results), sources)) as outcomes,
            tqdm(sources, unit="video", leave=False, disable=None) as bar,
        ):
            for source in bar:
                _keep(results, source, *next(outcomes))
    except Stopped as stop:
        complain(f"stopped in {source.name}; what was finished is kept")
        return stop.signal_number
    return None


def _check_options(config, sources, n_processes):
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
    if n_processes > 1 and streams:
        raise UserError(
            f"{streams[0]}: one process watches it; leave paddle.distributed.launch out"
        )
    if config.explain and streams:
        raise UserError(f"--explain {config.explain}: {streams[0]} cannot be seen twice")


def _look_at_all(config, results, sources):
    """Yield what `_keep` is to be told of each source."""
    for source in sources:
        yield _look_at(config, results, source)


def _look_at(config, results, source):
    """Run the network over a source.

    Returns:
        What was gathered, or None; what went wrong, or None; and what ended a stream, or None.
    """
    gathered, trouble, ended = results.begin(source), None, None
    is_stream = source.kind == "stream"
    try:
        with results.live(source) as view:
            windows = _open_windows(config, results.contract, source, view)
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
        trouble = reason_of(error)
        if not is_stream or not gathered.starts:
            gathered = None
    return gathered, trouble, ended


def _keep(results, source, gathered, trouble, ended):
    """Take over what was found in a source."""
    if trouble is not None:
        results.fail(source.name, trouble)
    if gathered is None:
        return
    if isinstance(ended, VideoError):
        complain(f"{source.name}: ended: {ended.reason}")
    results.finish(gathered)
    if isinstance(ended, Stopped):
        raise ended


def _open_windows(config, contract, source, view):
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
