"""Wide ResNet: bottlenecks with more channels inside, of which they return twice as many.

Source: Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016, and wide_resnet in
kenshohara/3D-ResNets-PyTorch. The published file has the stem of 64 channels of the branch
CVPR2018; the code of today makes it as wide as the first stage, 64 times the widen factor.
"""

from models.residual import (
    BOTTLENECK_DEPTHS,
    ResidualNetwork,
    bottleneck,
    hara_stem,
    residual_stages,
)

DEPTHS = BOTTLENECK_DEPTHS


def build(
    layers,
    depth=50,
    n_classes=101,
    in_channels=3,
    shortcut="B",
    conv1_t_size=7,
    conv1_t_stride=1,
    max_pool=True,
    widen_factor=2.0,
    stem_channels=64,
):
    """Build a Wide ResNet; the arguments are those of `models.build`."""
    channels = [int(c * widen_factor) for c in (64, 128, 256, 512)]
    return ResidualNetwork(
        layers,
        hara_stem(layers, in_channels, stem_channels, conv1_t_size, conv1_t_stride, max_pool),
        stem_channels,
        residual_stages(depth, channels, expansion=2),
        bottleneck,
        n_classes,
        shortcut=shortcut,
    )
