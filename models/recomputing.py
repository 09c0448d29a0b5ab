"""Layers whose inner values are computed again in the backward pass instead of kept."""

import paddle
from paddle import nn
from paddle.distributed.fleet.utils import recompute


def recomputed(layer, x):
    """What a layer makes of its input, keeping only the input for the backward pass.

    Args:
        layer: `paddle.nn.Layer` in training mode.
        x: Its input.

    Returns:
        Its output; gradients are the same as without.

    Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, by Paddle's own
    `recompute`, with one addition: the second pass leaves BatchNorm's running statistics alone.
    """
    if x.stop_gradient:
        # Paddle's recompute needs an input that wants a gradient; the stem has none.
        return layer(x)
    return recompute(lambda value: _run(layer, value), x)


def _run(layer, x):
    # The first pass runs without gradients, the second one, in the backward pass, with them.
    if not paddle.is_grad_enabled():
        return layer(x)
    norms = [one for one in layer.sublayers(include_self=True) if isinstance(one, nn.BatchNorm3D)]
    momenta = [norm._momentum for norm in norms]
    for norm in norms:
        norm._momentum = 1.0
    try:
        return layer(x)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm._momentum = momentum
