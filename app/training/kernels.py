"""What a training computes with: whose kernels, in which precision, on how many threads."""

import contextlib
import functools

import paddle

import models
from app.errors import UserError
from datasets.cores import available_cores
from datasets.shown import counted
from models.onednn import OneDnnLayers, UnavailableError, choose_layers, set_threads


def choose_kernels(train, device, n_processes, say):
    """The layers to build the network of a training with.

    Args:
        train: `TrainConfig`.
        device: Name of the device.
        n_processes: Number of processes that share the machine's cores.
        say: Called with a line that says what was chosen.

    Returns:
        `models.layers.Layers`, and the number of threads; None where it is left to Paddle.

    Raises:
        UserError: What was asked for cannot be had here.
    """
    on_gpu = device != "cpu"
    if train.sync_batch_norm:
        return models.SynchronisedLayers(), train.threads
    kernels = train.kernels
    if train.recompute:
        if kernels == "onednn":
            raise UserError("--train.recompute: oneDNN's kernels keep what they need; leave it out")
        kernels = "paddle"
    try:
        layers, sentence = choose_layers(kernels, train.precision, on_gpu)
    except UnavailableError as error:
        named = f"--train.kernels {kernels}, --train.precision {train.precision}"
        raise UserError(f"{named}: {error}") from None
    threads = train.threads
    if threads is None and isinstance(layers, OneDnnLayers):
        threads = max(1, available_cores() // n_processes)
    if threads is not None and not on_gpu:
        with contextlib.suppress(UnavailableError):
            set_threads(threads)
        sentence += f", {counted(threads, 'thread')}"
    say(f"computing with {sentence}")
    return layers, threads


def autocast(precision, device):
    """A context for the forward pass: on a GPU, Paddle's own mixed precision.

    Convolutions and the head in 16 bits, normalisation and the loss in float32 (level O1).
    """
    if precision != "fp32" and device != "cpu":
        dtype = {"bf16": "bfloat16", "fp16": "float16"}[precision]
        return functools.partial(paddle.amp.auto_cast, dtype=dtype, level="O1")
    return contextlib.nullcontext


class LossScaler(paddle.amp.GradScaler):
    """Multiplies the loss, so that small gradients are more than nothing in half precision.

    Its state is plain values, for a checkpoint.
    """

    @property
    def factor(self):
        """What the loss is multiplied with now."""
        return self.state_dict()["scale"][0]

    def state_dict(self):
        state = super().state_dict()
        return {**state, "scale": state["scale"].tolist()}

    def set_state_dict(self, state):
        self.load_state_dict(state)
