"""Recognises a network by the names and shapes of its tensors alone.

Works for PyTorch's and Paddle's state dicts alike: they share the names that matter here, and the
one weight that Paddle keeps transposed, the head's, is not looked at.
"""

import re
from dataclasses import dataclass, field

from models.families.densenet import DENSE_LAYERS
from models.families.r2p1d import middle_channels
from models.residual import RESIDUAL_BLOCKS, bottleneck
from weights.errors import WeightsError

STAGES = ("layer1", "layer2", "layer3", "layer4")
# Between the halves of layer2.0.conv2 in an R(2+1)D of torchvision's names.
MIDDLE_OF_BLOCK = middle_channels(64, 128)
MIDDLE_OF_CONVOLUTION = middle_channels(128, 128)
# They leave no trace in the tensors: Facebook trained IG-65M's in Caffe2, the others are PyTorch's.
EPSILON, IG65M_EPSILON = 1e-5, 1e-3
# Ours -> the original's of today; the published files have ours.
DENSENET_NAMES_OF_2020 = (
    (re.compile(r"^features\.(conv|norm)0\."), r"features.\g<1>1."),
    (re.compile(r"(denselayer\d+)\.(conv|norm)\.(\d)\."), r"\1.\2\3."),
)


@dataclass(frozen=True)
class Structure:
    """What a state dict says about its network.

    Args:
        architecture: A key of `models.FAMILIES`.
        options: The other arguments of `models.build`; without `n_classes` where there is no
            head. What leaves no trace in the tensors is as in every published network.
        release: The key of `published.RELEASES` whose networks have these names; "2020" also
            stands for 2017, which has the same names but for DenseNet's.
        renamed: Patterns and replacements that turn our names into the file's.
    """

    architecture: str
    options: dict
    release: str = "2020"
    renamed: tuple = field(default=(), repr=False)

    def name_in_file(self, name):
        """What the file calls a tensor of ours."""
        for pattern, replacement in self.renamed:
            name = pattern.sub(replacement, name)
        return name


def recognise(shapes, path, architecture=None):
    """Find the network that a state dict belongs to.

    Args:
        shapes: name -> shape of each tensor.
        path: The file, for the errors.
        architecture: The family, where it is known; None to find it, too.

    Returns:
        A `Structure`.

    Raises:
        WeightsError: It is none of the networks there are.
    """
    found = _read(_Shapes(shapes, path))
    if architecture in (None, found.architecture):
        return found
    raise WeightsError(
        path, f"is a {found.architecture} by its tensors, which {architecture} contradicts"
    )


class _Shapes:
    """Shapes by name, with an error for what is not there."""

    def __init__(self, shapes, path):
        self.by_name = {name: tuple(int(n) for n in shape) for name, shape in shapes.items()}
        self.path = path

    def __contains__(self, name):
        return name in self.by_name

    def __iter__(self):
        return iter(self.by_name)

    def __getitem__(self, name):
        if name not in self.by_name:
            raise self.error(f"tensor {name} is missing")
        return self.by_name[name]

    def error(self, reason):
        return WeightsError(self.path, reason)

    def kernel(self, name):
        """The shape of a 3D convolution's weight."""
        shape = self[name]
        if len(shape) == 4:
            raise self.error(f"a 2D network: {name} has the shape {list(shape)}")
        if len(shape) != 5 or min(shape) < 1:
            raise self.error(f"{name} has the shape {list(shape)}, which is no 3D convolution's")
        return shape

    def length(self, name):
        """The length of a tensor of one dimension."""
        if len(self[name]) != 1:
            raise self.error(f"{name} has the shape {list(self[name])} instead of one dimension")
        return self[name][0]

    def stem(self, name):
        """The shape of a first convolution: an odd time, 7, 7."""
        shape = self.kernel(name)
        if shape[3:] != (7, 7) or shape[2] % 2 == 0:
            raise self.error(
                f"none of the networks there are: {name} has the shape {list(shape)}, theirs ends "
                "in an odd time, 7, 7"
            )
        return shape

    def blocks(self):
        """The number of blocks in each stage of a residual network."""
        return tuple(
            len({name.split(".")[1] for name in self if name.startswith(f"{stage}.")})
            for stage in STAGES
        )

    def head(self, name):
        """`n_classes` of a head, or nothing where there is none."""
        if f"{name}.weight" not in self and f"{name}.bias" not in self:
            return {}
        return {"n_classes": self.length(f"{name}.bias")}


def _read(shapes):
    for stem, read in (
        ("features.conv0.weight", _densenet_of_2017),
        ("features.conv1.weight", _densenet_of_2020),
        ("stem.0.weight", _torchvision),
        ("conv1_s.weight", _split),
        ("conv1.weight", _residual),
    ):
        if stem in shapes:
            return read(shapes)
    names = ", ".join(list(shapes)[:3])
    raise shapes.error(
        "none of the networks there are, or one without its first tensor: there is no "
        "conv1.weight, conv1_s.weight, stem.0.weight or features.conv0.weight"
        + (f" (but {names}, ...)" if names else " (it is empty)")
    )


def _densenet_of_2017(shapes):
    return _densenet(shapes, "features.conv0.weight", ())


def _densenet_of_2020(shapes):
    return _densenet(shapes, "features.conv1.weight", DENSENET_NAMES_OF_2020)


def _densenet(shapes, stem_name, renamed):
    stem = shapes.stem(stem_name)
    layers = tuple(
        len({name.split(".")[2] for name in shapes if name.startswith(f"features.{block}.")})
        for block in ("denseblock1", "denseblock2", "denseblock3", "denseblock4")
    )
    for depth, expected in DENSE_LAYERS.items():
        if layers == expected:
            options = {
                "depth": depth,
                "in_channels": stem[1],
                "conv1_t_size": stem[2],
                "conv1_t_stride": 1,
                "max_pool": True,
                **shapes.head("classifier"),
            }
            return Structure("densenet", options, "2020" if renamed else "2017", renamed)
    raise shapes.error(
        f"no DenseNet has {', '.join(map(str, layers))} dense layers in its four blocks"
    )


def _torchvision(shapes):
    stem = shapes.stem("stem.0.weight")
    options = {
        "depth": _depth(shapes, has_bottlenecks=False),
        "in_channels": stem[1],
        **shapes.head("fc"),
    }
    if "stem.3.weight" in shapes:
        middle = shapes.kernel("layer2.0.conv2.0.0.weight")[0]
        if middle == MIDDLE_OF_CONVOLUTION:
            options |= {"middle_channels": "convolution", "bn_epsilon": IG65M_EPSILON}
            return Structure("torchvision_r2plus1d", options, "ig65m")
        if middle == MIDDLE_OF_BLOCK:
            options |= {"middle_channels": "block", "bn_epsilon": EPSILON}
            return Structure("torchvision_r2plus1d", options, "torchvision")
        raise shapes.error(
            f"layer2.0.conv2.0.0.weight has {middle} channels; torchvision's R(2+1)D has "
            f"{MIDDLE_OF_BLOCK} there, IG-65M's {MIDDLE_OF_CONVOLUTION}"
        )
    options["bn_epsilon"] = EPSILON
    lengths = tuple(shapes.kernel(f"{stage}.0.conv1.0.weight")[2] for stage in STAGES)
    for architecture, expected in (
        ("torchvision_r3d", (3, 3, 3, 3)),
        ("torchvision_mc3", (3, 1, 1, 1)),
    ):
        if lengths == expected:
            return Structure(architecture, options, "torchvision")
    raise shapes.error(
        f"the kernels of its four stages are {', '.join(map(str, lengths))} frames long; "
        "torchvision's R3D has 3, 3, 3, 3 and its MC3 3, 1, 1, 1"
    )


def _split(shapes):
    has_bottlenecks = "layer1.0.conv3.weight" in shapes
    stem = shapes.kernel("conv1_t.weight")
    widest = "layer4.0.conv1.weight" if has_bottlenecks else "layer4.0.conv1_t.weight"
    options = {
        "depth": _depth(shapes, has_bottlenecks),
        "in_channels": shapes.kernel("conv1_s.weight")[1],
        "shortcut": _shortcut(shapes),
        "conv1_t_size": stem[2],
        "conv1_t_stride": 1,
        "max_pool": True,
        "widen_factor": _widen_factor(shapes, widest, stem[0]),
        **shapes.head("fc"),
    }
    return Structure("r2p1d", options)


def _residual(shapes):
    stem = shapes.stem("conv1.weight")
    has_bottlenecks = any(re.fullmatch(r"layer\d\.\d+\.conv3\.weight", name) for name in shapes)
    options = {
        "depth": _depth(shapes, has_bottlenecks),
        "in_channels": stem[1],
        "shortcut": _shortcut(shapes),
        "conv1_t_size": stem[2],
        "conv1_t_stride": 1,
        "max_pool": True,
        **shapes.head("fc"),
    }
    widest = "layer4.0.conv1.weight"
    if _normalises_first(shapes, has_bottlenecks):
        options["widen_factor"] = _widen_factor(shapes, widest, stem[0])
        return Structure("preresnet", options)
    if has_bottlenecks:
        middle, per_group = shapes.kernel("layer1.0.conv2.weight")[:2]
        out, into = shapes.kernel("layer1.0.conv3.weight")[:2]
        if middle != per_group:
            options |= {"cardinality": middle // per_group, "stem_channels": stem[0]}
            return Structure("resnext", options)
        if out == 2 * into:
            factor = shapes.kernel(widest)[0] / 512
            options |= {"widen_factor": factor, "stem_channels": stem[0]}
            return Structure("wideresnet", options)
        if out != 4 * into:
            raise shapes.error(
                f"another kind of network: its bottlenecks lead from {into} to {out} channels; an "
                "R3D's to four times as many, a Wide ResNet's to twice as many"
            )
    options["widen_factor"] = _widen_factor(shapes, widest, stem[0])
    return Structure("r3d", options)


def _normalises_first(shapes, has_bottlenecks):
    """Whether a BatchNorm is as long as its convolution's input, not as its output."""
    # Where the two differ: layer2.0.conv1 is square in the bottlenecks of wide networks.
    number, block = (3, "layer1.0") if has_bottlenecks else (1, "layer2.0")
    norm = shapes.length(f"{block}.bn{number}.weight")
    out_channels, in_channels = shapes.kernel(f"{block}.conv{number}.weight")[:2]
    return norm == in_channels != out_channels


def _depth(shapes, has_bottlenecks):
    blocks = shapes.blocks()
    for depth, (block, expected) in RESIDUAL_BLOCKS.items():
        if blocks == expected and has_bottlenecks == (block is bottleneck):
            return depth
    kind = "bottleneck" if has_bottlenecks else "basic"
    raise shapes.error(
        f"no 3D ResNet has {', '.join(map(str, blocks))} {kind} blocks in its four stages"
    )


def _shortcut(shapes):
    return "B" if any(".downsample." in name for name in shapes) else "A"


def _widen_factor(shapes, widest, stem_channels):
    # The widest stage tells the factor most exactly: its channels are int(512 * factor).
    channels = shapes.kernel(widest)[0]
    if int(64 * channels / 512) != stem_channels:
        raise shapes.error(
            f"another kind of network: its first convolution has {stem_channels} channels, "
            f"while layer4 has {channels}; a ResNet's has an eighth of them"
        )
    return channels / 512
