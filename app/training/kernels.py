"""What a training computes with: whose kernels, in which precision, on how many threads."""

import functools
from contextlib import nullcontext

import paddle

import models
from app.errors import UserError
from models.onednn import UnavailableError, choose_layers, load


def choose_kernels(train, device, threads, say):
    """The layers to build the network of a training with.

    Args:
        train: `TrainConfig`.
        device: Name of the device.
        threads: Threads to compute with on the CPU.
        say: Called with a line that says what was chosen.

    Returns:
        `models.layers.Layers`.

    Raises:
        UserError: What was asked for cannot be had here.
    """
    on_gpu = device != "cpu"
    if train.sync_batch_norm:
        return models.SynchronisedLayers()
    kernels = train.kernels
    if train.recompute:
        if kernels == "onednn":
            raise UserError("--train.recompute: oneDNN's kernels keep what they need; leave it out")
        kernels = "paddle"
    if kernels == "paddle" and train.precision == "bf16" and not on_gpu:
        # Nobody asked for Paddle's own kernels, which cannot do it.
        kernels = "auto"
    try:
        layers, sentence = choose_layers(kernels, train.precision, on_gpu)
    except UnavailableError as error:
        named = f"--train.kernels {kernels}, --train.precision {train.precision}"
        raise UserError(f"{named}: {error}") from None
    if not on_gpu:
        try:
            load().threads = threads
            sentence += f", {threads} {'thread' if threads == 1 else 'threads'}"
        except UnavailableError:
            pass
    if train.kernels != "paddle" or train.precision != "fp32":
        say(f"computing with {sentence}")
    return layers


def autocast(precision, device):
    """A context for the forward pass: on a GPU, Paddle's own mixed precision.

    Convolutions and the head in bfloat16, normalisation and the loss in float32 (level O1).
    """
    if precision == "bf16" and device != "cpu":
        return functools.partial(paddle.amp.auto_cast, dtype="bfloat16", level="O1")
    return nullcontext
