"""Proves a conversion: the Paddle network and the PyTorch weights, run on one input, must agree."""

from contextlib import contextmanager

import numpy as np
import paddle

# Relative error of the outputs above which a conversion is taken to be wrong. A right one is
# around 5e-7; the smallest mistake known, a wrong epsilon in every BatchNorm, makes 4e-3.
LARGEST_ERROR = 1e-4
PROOF_SHAPE = (16, 64, 64)


def relative_error(network, state, channels, bn_epsilon=None):
    """Run both sides on noise.

    Args:
        network: The converted bare network.
        state: name -> `torch.Tensor`, as in the PyTorch file.
        channels: Number of channels of a frame.
        bn_epsilon: The epsilon of BatchNorm that the user insists on, or None.

    Returns:
        The norm of the difference over the norm of PyTorch's output.
    """
    # Needs PyTorch, which takes seconds to import.
    from weights import torch_forward

    clips = np.random.default_rng(0).standard_normal((1, channels, *PROOF_SHAPE), np.float32)
    expected = torch_forward.logits(state, clips, bn_epsilon)
    network.eval()
    with paddle.no_grad():
        outputs = network(paddle.to_tensor(clips)).numpy()
    difference = np.linalg.norm(outputs - expected)
    return float(difference / max(np.linalg.norm(expected), np.finfo(np.float32).tiny))


@contextmanager
def on_cpu():
    """Do the arithmetic on the CPU: GPUs may round convolutions to fewer digits than asked for.

    Names and random numbers of the networks built elsewhere stay as they would have been.
    """
    device, random_state = paddle.get_device(), paddle.get_rng_state()
    paddle.set_device("cpu")
    try:
        with paddle.utils.unique_name.guard():
            yield
    finally:
        paddle.set_device(device)
        paddle.set_rng_state(random_state)
