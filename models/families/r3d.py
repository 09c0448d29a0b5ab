"""R3D: the 3D ResNet, every kernel 3x3x3.

Source: Hara, Kataoka, Satoh, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and
ImageNet?", CVPR 2018, and kenshohara/3D-ResNets-PyTorch.
"""

from models.residual import RESIDUAL_BLOCKS, ResidualNetwork, hara_stem, residual_stages

DEPTHS = tuple(RESIDUAL_BLOCKS)


def build(
    layers,
    depth=18,
    n_classes=101,
    in_channels=3,
    shortcut="B",
    conv1_t_size=7,
    conv1_t_stride=1,
    max_pool=True,
    widen_factor=1.0,
):
    """Build an R3D; the arguments are those of `models.build`."""
    channels = [int(c * widen_factor) for c in (64, 128, 256, 512)]
    return ResidualNetwork(
        layers,
        hara_stem(layers, in_channels, channels[0], conv1_t_size, conv1_t_stride, max_pool),
        channels[0],
        residual_stages(depth, channels, expansion=4),
        RESIDUAL_BLOCKS[depth][0],
        n_classes,
        shortcut=shortcut,
    )
