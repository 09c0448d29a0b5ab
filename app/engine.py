"""From what a user names to an engine that scores clips.

engine = open_engine("runs/mine")
engine.scores(clips)                 # uint8 [N, 3, T, S, S] -> float32 [N, n_classes]
engine.description.input.frames      # T, and size: S
"""

from dataclasses import replace
from pathlib import Path

from app.device import choose_device
from app.engines.base import Engine
from app.engines.dynamic import DynamicEngine
from app.errors import UserError
from app.run_folder import RunFolder
from app.training_state import WEIGHTS
from weights.errors import WeightsError
from weights.files import load_network
from weights.labels import read_labels

__all__ = ["Engine", "open_engine"]

KINDS = ("auto", "dynamic", "inference", "tensorrt")


def open_engine(source, checkpoint="best", device="auto", kind="auto", labels=None):
    """Make a trained network ready to score clips.

    Args:
        source: A run folder, a converted ``.pdparams`` file with its JSON, or an exported folder.
        checkpoint: Which checkpoint of a run: best, last, or one such as epoch-0007.
        device: "auto", "cpu", "gpu" or "gpu:0".
        kind: "dynamic" is Paddle's eager mode; "inference" is ``paddle.inference``, several times
            faster on the CPU; "tensorrt" is the latter through TensorRT; "auto" chooses.
        labels: File of class names that replace the names of the description, or None.

    Returns:
        An ``Engine``.

    Raises:
        UserError: There is nothing of that kind, it is damaged or incomplete, the device is not
            there, or the labels do not fit.
    """
    if kind not in KINDS:
        raise UserError(f"--engine {kind}: use one of {', '.join(KINDS)}")
    device = choose_device(device)
    try:
        network, description = load_network(find_weights(source, checkpoint))
        description = with_labels(description, labels)
    except WeightsError as error:
        raise UserError(str(error)) from None
    return DynamicEngine(network, description)


def find_weights(source, checkpoint):
    """The ``.pdparams`` file behind a run folder, or the weight file itself.

    Args:
        source: A run folder or a ``.pdparams`` file.
        checkpoint: Which checkpoint of a run.

    Returns:
        Path of a ``.pdparams`` file, with its JSON beside it.

    Raises:
        UserError: There is none.
    """
    path = Path(source)
    if not path.exists():
        raise UserError(f"{source}: no such run folder, weight file or exported folder")
    if path.is_dir():
        folder = RunFolder(path)
        folder.read_config()
        return folder.find_checkpoint(checkpoint) / WEIGHTS
    if path.suffix != ".pdparams":
        raise UserError(
            f"{source}: not a .pdparams file; `python -m app convert` makes one of a PyTorch file"
        )
    return path


def with_labels(description, path):
    """A description with the class names of a file, or unchanged where path is None."""
    if path is None:
        return description
    labels = read_labels(path)
    n_classes = description.options["n_classes"]
    if len(labels) != n_classes:
        raise UserError(f"{path}: {len(labels)} class names for a network of {n_classes} classes")
    return replace(description, labels=labels)
