"""From what a user names to an engine that scores clips.

engine = open_engine("runs/mine")
engine.scores(clips)                 # uint8 [N, 3, T, S, S] -> float32 [N, n_classes]
engine.description.input.frames      # T, and size: S
"""

from app.device import choose_device
from app.errors import UserError
from app.inference.bfloat16 import Bfloat16Engine
from app.inference.eager import DynamicEngine
from app.inference.engine import Engine
from app.inference.export_cache import exported
from app.inference.exported_folder import ONNX, exported_output
from app.inference.onnx import OnnxEngine
from app.inference.paddle_inference import InferenceEngine
from app.trained import Trained, find_trained, require_classes, with_labels
from weights.errors import WeightsError
from weights.files import load_network

__all__ = ["Engine", "open_engine"]

KINDS = ("auto", "dynamic", "inference")


def open_engine(
    source,
    checkpoint="best",
    device="auto",
    kind="auto",
    labels=None,
    output="scores",
    precision="fp32",
):
    """Make a trained network ready to score clips.

    Args:
        source: A run folder, a converted `.pdparams` file with its JSON, or an exported folder; or
            the `app.trained.Trained` that `find_trained` made of it.
        checkpoint: Which checkpoint of a run: best, last, or one such as epoch-0007.
        device: "auto", "cpu", "gpu" or "gpu:0".
        kind: "dynamic" is Paddle's eager mode; "inference" is `paddle.inference`, several times
            faster on the CPU. "auto" takes inference on the CPU and dynamic on a GPU.
        labels: File of class names that replace the names of the description, or None.
        output: What will be asked of the engine: "scores" or "features".
        precision: "fp32", or "bf16" on a processor with bfloat16 arithmetic, where it is an engine
            of its own.

    Returns:
        An `Engine`. For a run folder, what `paddle.inference` needs is kept in its export/.

    Raises:
        UserError: There is nothing of that kind, it is damaged or incomplete, the device is not
            there, or the labels do not fit.
    """
    if kind not in KINDS:
        raise UserError(f"--engine {kind}: use one of {', '.join(KINDS)}")
    trained = source if isinstance(source, Trained) else find_trained(source, checkpoint)
    description = with_labels(trained.description, labels)
    if precision == "bf16":
        return _open_bfloat16(trained, description, device, kind, output)
    if trained.is_exported:
        return _open_exported(trained, description, device, kind, output)
    if output == "scores":
        require_classes(trained)
    device = choose_device(device)
    try:
        if kind == "dynamic" or (kind == "auto" and device != "cpu"):
            network, _ = load_network(trained.weights)
            return DynamicEngine(network, description, trained.configuration.train.batch_size)
        with exported(trained, output) as folder:
            return InferenceEngine(folder, description, device, output)
    except WeightsError as error:
        raise UserError(str(error)) from None


def _open_bfloat16(trained, description, device, kind, output):
    if trained.is_exported:
        raise UserError(
            f"{trained.folder}: an exported model has one precision; name the run folder or the "
            "weight file for --precision bf16"
        )
    if kind != "auto":
        raise UserError(f"--precision bf16 has an engine of its own; leave out --engine {kind}")
    if choose_device(device) != "cpu":
        raise UserError("--precision bf16 is for processors; leave it out, or name --device cpu")
    if output == "scores":
        require_classes(trained)
    try:
        return Bfloat16Engine(trained.weights, description)
    except WeightsError as error:
        raise UserError(str(error)) from None


def _open_exported(trained, description, device, kind, output):
    folder = trained.folder
    if kind == "dynamic":
        raise UserError(
            f"{folder}: an exported model does not run in eager mode; leave out --engine, or name "
            "the run folder"
        )
    gives = exported_output(description)
    if gives != output:
        raise UserError(
            f"{folder}: an exported model that gives {gives} only; name the run folder or the "
            f"weight file for {output}"
        )
    if trained.weights.name != ONNX:
        return InferenceEngine(folder, description, choose_device(device), output)
    if kind == "inference":
        raise UserError(f"{folder}: is in ONNX format, not paddle.inference's; leave out --engine")
    if choose_device("cpu" if device == "auto" else device) != "cpu":
        raise UserError(f"{folder}: an ONNX export runs on the CPU; leave out --device")
    return OnnxEngine(folder, description)
