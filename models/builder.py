"""The families by name, their options, and the function that builds a network of one."""

import inspect
from dataclasses import dataclass
from types import ModuleType

from models.families import (
    densenet,
    preresnet,
    r2p1d,
    r3d,
    resnext,
    torchvision_mc3,
    torchvision_r2plus1d,
    torchvision_r3d,
    wideresnet,
)
from models.layers import Layers


@dataclass(frozen=True)
class Family:
    """A network family.

    Args:
        title: Its name in texts; `title-depth` names one of its networks.
        module: Where it is built.
    """

    title: str
    module: ModuleType

    @property
    def depths(self):
        """The depths there are."""
        return self.module.DEPTHS

    @property
    def options(self):
        """Its options with their defaults, by name."""
        parameters = inspect.signature(self.module.build).parameters
        return {name: p.default for name, p in parameters.items() if name != "layers"}


FAMILIES = {
    "r3d": Family("R3D", r3d),
    "r2p1d": Family("R(2+1)D", r2p1d),
    "preresnet": Family("PreResNet", preresnet),
    "wideresnet": Family("WideResNet", wideresnet),
    "resnext": Family("ResNeXt", resnext),
    "densenet": Family("DenseNet", densenet),
    "torchvision_r3d": Family("torchvision-R3D", torchvision_r3d),
    "torchvision_mc3": Family("torchvision-MC3", torchvision_mc3),
    "torchvision_r2plus1d": Family("torchvision-R(2+1)D", torchvision_r2plus1d),
}


def family(architecture):
    """The family of a name.

    Raises:
        ValueError: There is none.
    """
    if architecture not in FAMILIES:
        there = ", ".join(FAMILIES)
        raise ValueError(f"unknown architecture {architecture!r}; there are: {there}")
    return FAMILIES[architecture]


def build(architecture="r3d", layers=None, **options):
    """Build a bare network, without normalisation.

    Every family takes `depth`, `n_classes` and `in_channels`; which of the others it takes, and
    with which defaults, `models.FAMILIES[architecture].options` tells.

    Args:
        architecture: A key of `models.FAMILIES`.
        layers: The operations to run on, a `models.layers.Layers`; None for Paddle's own.
        depth: Number of layers, one of the family's depths.
        n_classes: Number of outputs; 0 for a backbone, which ends in its pooled features.
        in_channels: Channels of a frame.
        shortcut: "A" (no parameters) or "B" (projection).
        conv1_t_size: Length of the first convolution in frames; odd.
        conv1_t_stride: Step of the first convolution in frames.
        max_pool: Whether the stem has its max-pool.
        widen_factor: Multiplies every stage's number of channels.
        cardinality: Number of groups of ResNeXt's middle convolutions.
        stem_channels: Channels of Wide ResNet's and ResNeXt's first convolution: 64 as published,
            128 as the original's code makes it today.
        middle_channels: What the channels between the halves of a split convolution are counted
            from: "block" (torchvision) or "convolution" (IG-65M).
        bn_epsilon: Epsilon of every BatchNorm: 1e-5 (torchvision) or 1e-3 (IG-65M).

    Returns:
        A `models.network.VideoNetwork`, from normalised float32 `[B, C, T, H, W]` to logits
        `[B, n_classes]`.

    Raises:
        ValueError: An option is not one of the family's, or has an impossible value.
    """
    options = complete_options(architecture, options)
    return family(architecture).module.build(layers or Layers(), **options)


def complete_options(architecture, options):
    """Check some options of a family, and add the defaults of the others.

    Args:
        architecture: A key of `models.FAMILIES`.
        options: Options of `models.build` by name.

    Returns:
        All options of the family by name.

    Raises:
        ValueError: An option is not one of the family's, or has an impossible value.
    """
    chosen = family(architecture)
    for name in options:
        if name not in chosen.options:
            there = ", ".join(chosen.options)
            raise ValueError(f"{architecture} has no option {name}; there are: {there}")
    options = {**chosen.options, **options}
    if options["depth"] not in chosen.depths:
        depths = ", ".join(map(str, chosen.depths))
        raise ValueError(f"no {chosen.title} of depth {options['depth']}; there are: {depths}")
    for name, values in (("shortcut", ("A", "B")), ("middle_channels", ("block", "convolution"))):
        if options.get(name, values[0]) not in values:
            raise ValueError(f"unknown {name} {options[name]!r}; there are: {', '.join(values)}")
    if options["n_classes"] < 0:
        raise ValueError(f"n_classes must not be negative, as {options['n_classes']} is")
    for name in ("in_channels", "conv1_t_size", "conv1_t_stride", "cardinality", "stem_channels"):
        if options.get(name, 1) < 1:
            raise ValueError(f"{name} must be positive, not {options[name]}")
    if options.get("conv1_t_size", 1) % 2 == 0:
        raise ValueError(f"conv1_t_size must be odd and positive, not {options['conv1_t_size']}")
    if int(64 * options.get("widen_factor", 1)) < 1:
        raise ValueError(
            f"widen_factor {options['widen_factor']} leaves the first stage without channels"
        )
    if not options.get("bn_epsilon", 1e-5) > 0:
        raise ValueError(f"bn_epsilon must be positive, not {options['bn_epsilon']}")
    return options
