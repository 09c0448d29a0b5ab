"""python -m app demo: a local web page to try a trained network on.

python -m app demo runs/mine
python -m app demo weights/r3d50_K_200ep.pdparams --port 8061
"""

import importlib.util
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass

from app.errors import UserError
from app.inference.open_engine import open_engine
from app.ports import check_port
from app.prediction.grad_cam import GradCam
from app.run_folder import RunFolder
from app.stop_signals import Stopped, stop_signals
from app.trained import find_trained
from datasets.annotations.errors import AnnotationError
from datasets.decoding import VideoError, VideoReader
from datasets.index.splits import Splits
from datasets.shown import shown

# Videos of the run's validation that are offered, of as many classes as there are.
EXAMPLES = 8


@dataclass(frozen=True)
class EndedDemo:
    """The page is closed.

    Args:
        exit_code: 128 + the signal that ended it.
    """

    exit_code: int

    def __str__(self):
        return ""


def open_demo(config):
    """Show the page until Ctrl-C or SIGTERM.

    Args:
        config: `app.configuration.DemoConfig`.

    Returns:
        `EndedDemo`.

    Raises:
        UserError: Gradio is not installed, the network cannot be used, or the port is taken.
    """
    if importlib.util.find_spec("gradio") is None:
        raise UserError("demo: gradio is not installed; pip install -r requirements-demo.txt")
    trained = find_trained(config.run, config.checkpoint)
    check_port(config.host, config.port)
    engine = open_engine(trained, device=config.device, labels=config.labels)
    # Gradients are what an exported network has not.
    grad_cam = None if trained.is_exported else GradCam.open(trained, config.device)
    title = f"{trained.name} of {trained.folder}"
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        # Gradio keeps what is uploaded, and looks for this when it is imported.
        os.environ["GRADIO_TEMP_DIR"] = folder
        from app.prediction.demo_page import build_page, serve
        from app.prediction.demo_video import DemoVideo

        video = DemoVideo(engine, grad_cam, folder)
        examples = find_examples(trained)
        page = build_page(video, title, examples, config.top_k)
        print(
            f"http://{config.host}:{config.port} shows {shown(title)}; Ctrl-C ends it", flush=True
        )
        try:
            with stop_signals():
                serve(page, examples, config.host, config.port)
        except Stopped as stop:
            return EndedDemo(128 + stop.signal_number)
    return EndedDemo(0)


def find_examples(trained):
    """Some videos that a run was validated with.

    Args:
        trained: `app.trained.Trained`.

    Returns:
        List of `(path, class, picture)`: the first video of each class, then the second ones, until
        there are `EXAMPLES`. Empty where it is no run, or its videos are gone.
    """
    try:
        index = Splits.load(RunFolder(trained.folder).videos)["val"]
    except AnnotationError:
        return []
    turns, seen = [], {}
    for row, label in enumerate(index.label.tolist()):
        # Only a whole file shows what its class says.
        if label >= 0 and not index.segment(row):
            seen[label] = seen.get(label, 0) + 1
            turns.append((seen[label], row))
    examples = []
    for _, row in sorted(turns):
        # What cannot be read, or is a folder of frames, is no upload either.
        with suppress(VideoError), VideoReader(index.path(row)) as reader:
            picture = reader.read([len(reader) // 2])[0]
            examples.append((index.path(row), index.labels[index.label[row]], picture))
        if len(examples) == EXAMPLES:
            break
    return examples
