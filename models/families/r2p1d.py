"""R(2+1)D as Hara builds it: R3D with every large kernel split into space and time.

Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR
2018, and resnet2p1d in kenshohara/3D-ResNets-PyTorch.
"""

from models.residual import (
    RESIDUAL_BLOCKS,
    ResidualNetwork,
    convolution_then_norm,
    residual_stages,
)

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
    """Build an R(2+1)D; the arguments are those of `models.build`."""
    channels = [int(c * widen_factor) for c in (64, 128, 256, 512)]
    return ResidualNetwork(
        layers,
        _split_stem(layers, in_channels, channels[0], conv1_t_size, conv1_t_stride, max_pool),
        channels[0],
        residual_stages(depth, channels, expansion=4),
        RESIDUAL_BLOCKS[depth][0],
        n_classes,
        convolution=_split,
        shortcut=shortcut,
    )


def middle_channels(in_channels, out_channels, t=3, size=3):
    """Channels between the halves, so that both together have the parameters of the whole."""
    whole = t * size * size * in_channels * out_channels
    return whole // (size * size * in_channels + t * out_channels)


def _split_stem(layers, in_channels, channels, conv1_t_size, conv1_t_stride, max_pool):
    # The original counts three input channels here whatever there are.
    middle = middle_channels(3, channels, conv1_t_size, 7)
    parts = {
        "conv1_s": layers.convolution(in_channels, middle, (1, 7, 7), (1, 2, 2)),
        "bn1_s": layers.batch_norm(middle, relu=True),
        "conv1_t": layers.convolution(
            middle, channels, (conv1_t_size, 1, 1), (conv1_t_stride, 1, 1)
        ),
        "bn1_t": layers.batch_norm(channels, relu=True),
    }
    if max_pool:
        parts["maxpool"] = layers.max_pool()
    return parts


def _split(layers, convolution):
    c = convolution
    if c.kernel_size == (1, 1, 1):
        return convolution_then_norm(layers, c)
    middle = middle_channels(c.in_channels, c.out_channels)
    t, h, w = c.stride
    return {
        f"conv{c.number}_s": layers.convolution(c.in_channels, middle, (1, 3, 3), (1, h, w)),
        f"bn{c.number}_s": layers.batch_norm(middle, relu=True),
        f"conv{c.number}_t": layers.convolution(middle, c.out_channels, (3, 1, 1), (t, 1, 1)),
        f"bn{c.number}_t": layers.batch_norm(c.out_channels, relu=not c.is_last),
    }
