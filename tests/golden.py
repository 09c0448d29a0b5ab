"""Rebuilds the weights and inputs of the golden values from their formula.

The values in tests/data were computed with the original PyTorch networks
(kenshohara/3D-ResNets-PyTorch, 540a0ea) under these weights and inputs.
"""

import json
import math
import zlib
from functools import cache
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"


def published():
    """The 17 published checkpoints: name -> {"depth", "n_classes"}."""
    return json.loads((DATA / "r3d_state_dicts.json").read_text())["checkpoints"]


def weights(names_and_shapes):
    """Golden float32 arrays for a PyTorch state dict given as name -> shape."""
    return {name: tensor(name, shape) for name, shape in names_and_shapes.items()}


def tensor(name, shape):
    """The golden float32 array of one state-dict entry."""
    draw = np.random.RandomState(zlib.crc32(name.encode()))
    kind = name.rsplit(".", 1)[-1]
    if kind == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if kind == "running_var":
        value = draw.uniform(0.5, 1.5, shape)
    elif len(shape) >= 2:
        value = draw.standard_normal(shape) * math.sqrt(1 / math.prod(shape[1:]))
    elif kind == "weight":
        value = draw.uniform(0.5, 1.5, shape)
    else:
        value = 0.1 * draw.standard_normal(shape)
    return value.astype(np.float32)


def state_dict(depth, n_classes):
    """The PyTorch state dict of a published network, name -> golden array."""
    shapes = json.loads((DATA / "r3d_state_dicts.json").read_text())["state_dict_by_depth"]
    return weights(
        {
            name: [n_classes if size == "n_classes" else size for size in shape]
            for name, shape in shapes[str(depth)].items()
        }
    )


def variants():
    """The variants of the other families: name -> family, depth, options, parameters, ..."""
    return _families()["variants"]


def variant_state_dict(name):
    """The PyTorch state dict of a variant, name -> golden array."""
    variant = variants()[name]
    return weights(
        {
            tensor_name: [variant["n_classes"] if size == "n_classes" else size for size in shape]
            for tensor_name, shape in _families()["layouts"][variant["layout"]].items()
        }
    )


@cache
def _families():
    return json.loads((DATA / "family_state_dicts.json").read_text())


def fill(network, rename=lambda name: name):
    """Load the golden weights into a Paddle network in place.

    Args:
        network: A bare network.
        rename: Turns a name of the published files into that of another release.
    """
    renamed = {"_mean": "running_mean", "_variance": "running_var"}
    for name, parameter in network.state_dict().items():
        stem, _, kind = name.rpartition(".")
        torch_name = rename(f"{stem}.{renamed.get(kind, kind)}")
        shape = list(parameter.shape)
        if name == f"{network.head_name}.weight":
            parameter.set_value(tensor(torch_name, shape[::-1]).T)
        else:
            parameter.set_value(tensor(torch_name, shape))


def waves(seed, n, channels, frames, size):
    """Golden input clips, float32 ``[n, channels, frames, size, size]``, already normalised."""
    draw = np.random.RandomState(seed)
    t, h, w = np.meshgrid(*(np.arange(s) for s in (frames, size, size)), indexing="ij")
    x = np.zeros((n, channels, frames, size, size))
    for i in range(n):
        for j in range(channels):
            for _ in range(4):
                a = draw.uniform(-1, 1)
                b = draw.uniform(-0.3, 0.3)
                d = draw.uniform(-0.3, 0.3)
                p = draw.uniform(0, 2 * np.pi)
                x[i, j] += np.sin(a * t + b * h + d * w + p)
    return x.astype(np.float32)
