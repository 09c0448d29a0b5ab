"""Reads the options of ``models.build`` from the names and shapes of a state dict.

Works for PyTorch's and Paddle's state dicts alike: they share the names that matter here, and
the one weight that Paddle keeps transposed (``fc.weight``) is not looked at.
"""

import re

from models.residual import RESIDUAL_BLOCKS
from models.residual import bottleneck as bottleneck_block
from weights.errors import WeightsError

STAGES = ("layer1", "layer2", "layer3", "layer4")


def read_options(shapes, path):
    """Find the 3D ResNet that a state dict belongs to.

    What leaves no trace in the tensors, the step of the first convolution in time and whether
    there is a max-pool, is taken to be as in every published network.

    Args:
        shapes: name -> shape of each tensor.
        path: The file, for the errors.

    Returns:
        The keyword arguments of ``models.build`` as a dict; without ``n_classes`` where the
        file has no head.

    Raises:
        WeightsError: It is not a 3D ResNet.
    """
    if "conv1.weight" not in shapes:
        raise WeightsError(
            path,
            "not a 3D ResNet, or one without its first tensor: there is no conv1.weight"
            + (f" (but {', '.join(list(shapes)[:3])}, ...)" if shapes else " (it is empty)"),
        )
    stem = tuple(shapes["conv1.weight"])
    if len(stem) == 4:
        raise WeightsError(path, f"a 2D network: conv1.weight has the shape {list(stem)}")
    if len(stem) != 5 or stem[3:] != (7, 7) or stem[2] % 2 == 0:
        raise WeightsError(
            path,
            f"not a 3D ResNet: conv1.weight has the shape {list(stem)}, "
            "a 3D ResNet's ends in an odd time, 7, 7",
        )
    blocks = tuple(_count_blocks(shapes, stage) for stage in STAGES)
    bottleneck = any(re.fullmatch(r"layer\d\.\d+\.conv3\.weight", name) for name in shapes)
    options = {
        "depth": _depth(blocks, bottleneck, path),
        "in_channels": int(stem[1]),
        "shortcut": "B" if any(".downsample." in name for name in shapes) else "A",
        "conv1_t_size": int(stem[2]),
        "conv1_t_stride": 1,
        "max_pool": True,
        "widen_factor": _widen_factor(shapes, stem[0], path),
    }
    if "fc.bias" in shapes:
        options["n_classes"] = int(shapes["fc.bias"][0])
    return options


def _count_blocks(shapes, stage):
    numbers = {name.split(".")[1] for name in shapes if name.startswith(f"{stage}.")}
    return len(numbers)


def _depth(blocks, bottleneck, path):
    for depth, (block, expected) in RESIDUAL_BLOCKS.items():
        if blocks == expected and bottleneck == (block is bottleneck_block):
            return depth
    kind = "bottleneck" if bottleneck else "basic"
    raise WeightsError(
        path,
        f"no 3D ResNet has {', '.join(map(str, blocks))} {kind} blocks in its four stages",
    )


def _widen_factor(shapes, stem_channels, path):
    if "layer4.0.conv1.weight" not in shapes:
        raise WeightsError(path, "tensor layer4.0.conv1.weight is missing")
    # The widest stage tells the factor most exactly: its channels are int(512 * factor).
    channels = int(shapes["layer4.0.conv1.weight"][0])
    if int(64 * channels / 512) != stem_channels:
        raise WeightsError(
            path,
            f"another kind of network: its first convolution has {stem_channels} channels, "
            f"while layer4 has {channels}; a ResNet's has an eighth of them",
        )
    return channels / 512
