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
from app.engines.inference import InferenceEngine
from app.errors import UserError
from app.export_cache import exported
from app.exporting import is_exported, read_exported_description
from app.run_folder import RunFolder
from app.training_state import WEIGHTS
from weights.errors import WeightsError
from weights.files import load_network, read_description
from weights.labels import read_labels

__all__ = ["Engine", "open_engine"]

KINDS = ("auto", "dynamic", "inference", "tensorrt")


def open_engine(
    source, checkpoint="best", device="auto", kind="auto", labels=None, output="scores"
):
    """Make a trained network ready to score clips.

    Args:
        source: A run folder, a converted ``.pdparams`` file with its JSON, or an exported folder.
        checkpoint: Which checkpoint of a run: best, last, or one such as epoch-0007.
        device: "auto", "cpu", "gpu" or "gpu:0".
        kind: "dynamic" is Paddle's eager mode; "inference" is ``paddle.inference``, several times
            faster on the CPU; "tensorrt" is the latter through TensorRT. "auto" takes inference
            on the CPU and dynamic on a GPU.
        labels: File of class names that replace the names of the description, or None.
        output: What will be asked of the engine: "scores" or "features".

    Returns:
        An ``Engine``. For a run folder, what ``paddle.inference`` needs is kept in its export/.

    Raises:
        UserError: There is nothing of that kind, it is damaged or incomplete, the device is not
            there, or the labels do not fit.
    """
    if kind not in KINDS:
        raise UserError(f"--engine {kind}: use one of {', '.join(KINDS)}")
    device = choose_device(device)
    try:
        if is_exported(source):
            if kind == "dynamic":
                raise UserError(
                    f"{source}: an exported model runs in paddle.inference only; leave out "
                    "--engine, or name the run folder"
                )
            return _open_exported(Path(source), device, kind, labels, output)
        weights = find_weights(source, checkpoint)
        if output == "scores":
            require_classes(read_description(weights), weights)
        if kind == "dynamic" or (kind == "auto" and device != "cpu"):
            network, description = load_network(weights)
            return DynamicEngine(network, with_labels(description, labels))
        with exported(weights, _cache(source, checkpoint, output), output) as folder:
            return _open_exported(folder, device, kind, labels, output)
    except WeightsError as error:
        raise UserError(str(error)) from None


def _open_exported(folder, device, kind, labels, output):
    description = with_labels(read_exported_description(folder), labels)
    return InferenceEngine(folder, description, device, kind == "tensorrt", output)


def _cache(source, checkpoint, output):
    """Where the export of a run's checkpoint is kept; None for a weight file."""
    if not Path(source).is_dir():
        return None
    folder = default_export_folder(source, checkpoint)
    return folder if output == "scores" else folder.with_name(f"{folder.name}-{output}")


def default_export_folder(source, checkpoint):
    """Where a run folder or a weight file is exported to when nobody says where."""
    path = Path(source)
    return path / "export" / checkpoint if path.is_dir() else path.with_suffix("")


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


def require_classes(description, weights):
    """Raise a ``UserError`` for a backbone, whose outputs are features and no scores."""
    if description.options.get("n_classes") == 0:
        raise UserError(
            f"{weights}: a backbone without head knows no classes; fine-tune it first: "
            f"fit --model.pretrained {weights}"
        )


def with_labels(description, path):
    """A description with the class names of a file, or unchanged where path is None."""
    if path is None:
        return description
    labels = read_labels(path)
    n_classes = description.options["n_classes"]
    if len(labels) != n_classes:
        raise UserError(f"{path}: {len(labels)} class names for a network of {n_classes} classes")
    return replace(description, labels=labels)
