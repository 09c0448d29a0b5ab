"""The 3D ResNet in PyTorch, straight from a state dict: what a conversion is checked against.

It shares nothing with ``models``: blocks, steps and shortcuts are read off the tensors' names
and shapes, so that a mistake there cannot hide here.
"""

import torch
import torch.nn.functional as F


@torch.no_grad()
def logits(state, clips):
    """Run a 3D ResNet in evaluation mode.

    Args:
        state: name -> ``torch.Tensor``, with the names of the PyTorch original.
        clips: float32 array ``[B, C, T, H, W]``, normalised.

    Returns:
        float32 ``numpy.ndarray`` ``[B, n_classes]``.
    """
    x = torch.from_numpy(clips)
    kernel = state["conv1.weight"].shape
    padding = (kernel[2] // 2, kernel[3] // 2, kernel[4] // 2)
    x = F.conv3d(x, state["conv1.weight"].float(), stride=(1, 2, 2), padding=padding)
    x = F.max_pool3d(_batch_norm(state, "bn1", x).relu(), 3, stride=2, padding=1)
    for stage in (1, 2, 3, 4):
        block = 0
        while f"layer{stage}.{block}.conv1.weight" in state:
            stride = 2 if stage > 1 and block == 0 else 1
            x = _residual_block(state, f"layer{stage}.{block}", x, stride)
            block += 1
    x = x.mean(dim=(2, 3, 4))
    return F.linear(x, state["fc.weight"].float(), state["fc.bias"].float()).numpy()


def _residual_block(state, name, x, stride):
    bottleneck = f"{name}.conv3.weight" in state
    strided = f"{name}.conv2" if bottleneck else f"{name}.conv1"
    y = x
    for number in (1, 2, 3) if bottleneck else (1, 2):
        convolution = f"{name}.conv{number}"
        y = _convolution(state, convolution, y, stride if convolution == strided else 1)
        y = _batch_norm(state, f"{name}.bn{number}", y)
        if number < (3 if bottleneck else 2):
            y = y.relu()
    return (y + _shortcut(state, f"{name}.downsample", x, stride, y.shape[1])).relu()


def _shortcut(state, name, x, stride, channels):
    if f"{name}.0.weight" in state:
        return _batch_norm(state, f"{name}.1", _convolution(state, f"{name}.0", x, stride))
    if stride == 1 and x.shape[1] == channels:
        return x
    # Shortcut A as the original writes it: an average over one element, then zero channels.
    x = F.avg_pool3d(x, kernel_size=1, stride=stride)
    return F.pad(x, (0, 0, 0, 0, 0, 0, 0, channels - x.shape[1]))


def _convolution(state, name, x, stride):
    weight = state[f"{name}.weight"].float()
    return F.conv3d(x, weight, stride=stride, padding=weight.shape[-1] // 2)


def _batch_norm(state, name, x):
    mean, variance, weight, bias = (
        state[f"{name}.{part}"].float()
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return F.batch_norm(x, mean, variance, weight, bias)
