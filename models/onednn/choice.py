"""Which kernels a network runs on: asked for, or the best there is."""

from models.layers import Layers
from models.onednn.layers import OneDnnLayers
from models.onednn.library import UnavailableError, load, unavailable_because

KERNELS = ("auto", "paddle", "onednn")


def choose_layers(kernels="auto", precision="fp32", on_gpu=False, frozen=False):
    """The layers to build a network with.

    Args:
        kernels: `"auto"` for oneDNN on a processor where it can be had, `"paddle"` or `"onednn"`.
        precision: `"fp32"`, or `"bf16"`, which on a processor only oneDNN can do.
        on_gpu: Whether the network will run on a GPU, where the kernels are always Paddle's.
        frozen: Whether the parameters stand still, see `OneDnnLayers`.

    Returns:
        (`models.layers.Layers`, one sentence that says which kernels and why).

    Raises:
        UnavailableError: What was asked for cannot be had; the message says why.
        ValueError: `kernels` is not one of `KERNELS`.
    """
    if kernels not in KERNELS:
        raise ValueError(f"unknown kernels {kernels!r}; there are: {', '.join(KERNELS)}")
    if on_gpu:
        if kernels == "onednn":
            raise UnavailableError("oneDNN's kernels are for processors, not for a GPU")
        return Layers(), "Paddle's kernels on the GPU"
    if kernels == "paddle" and precision == "bf16":
        raise UnavailableError("Paddle's kernels have no bfloat16 on a processor; use oneDNN's")
    if kernels == "paddle":
        return Layers(), "Paddle's kernels, as asked for"
    reason = unavailable_because(precision)
    if reason is None:
        version = ".".join(map(str, load().version))
        return OneDnnLayers(precision, frozen=frozen), f"oneDNN {version}, {precision}"
    if kernels == "onednn" or precision == "bf16":
        raise UnavailableError(reason)
    return Layers(), f"Paddle's kernels: {reason}"
