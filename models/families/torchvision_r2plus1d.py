"""R(2+1)D as torchvision builds it, and as the IG-65M files want it.

The two differ in the number of channels between the halves of a split convolution, and in the
epsilon of BatchNorm, which no tensor shows.

Source: torchvision.models.video.r2plus1d_18; Tran et al., "A Closer Look at Spatiotemporal
Convolutions for Action Recognition", CVPR 2018; Ghadiyaram et al., "Large-scale weakly-supervised
pre-training for video action recognition", CVPR 2019, and moabitcoin/ig65m-pytorch.
"""

from functools import partial

from paddle import nn

from models.families.r2p1d import middle_channels as channels_between
from models.families.torchvision_r3d import CHANNELS, DEPTHS
from models.residual import RESIDUAL_BLOCKS, ResidualNetwork, residual_stages

__all__ = ["DEPTHS", "build"]

STEM_MIDDLE = 45


def build(layers, depth=18, n_classes=101, in_channels=3, middle_channels="block", bn_epsilon=1e-5):
    """Build torchvision's R(2+1)D; the arguments are those of `models.build`."""
    layers = layers.with_epsilon(bn_epsilon)
    return ResidualNetwork(
        layers,
        _stem(layers, in_channels),
        CHANNELS[0],
        residual_stages(depth, CHANNELS, expansion=1),
        RESIDUAL_BLOCKS[depth][0],
        n_classes,
        convolution=partial(_split, of_block=middle_channels == "block"),
    )


def _stem(layers, in_channels):
    # The numbers leave out 2, which is the ReLU in torchvision.
    return {
        "stem": nn.Sequential(
            ("0", layers.convolution(in_channels, STEM_MIDDLE, (1, 7, 7), (1, 2, 2))),
            ("1", layers.batch_norm(STEM_MIDDLE, relu=True)),
            ("3", layers.convolution(STEM_MIDDLE, CHANNELS[0], (3, 1, 1))),
            ("4", layers.batch_norm(CHANNELS[0], relu=True)),
        )
    }


def _split(layers, convolution, of_block):
    c = convolution
    middle = channels_between(c.block_in_channels if of_block else c.in_channels, c.out_channels)
    t, h, w = c.stride
    halves = nn.Sequential(
        ("0", layers.convolution(c.in_channels, middle, (1, 3, 3), (1, h, w))),
        ("1", layers.batch_norm(middle, relu=True)),
        ("3", layers.convolution(middle, c.out_channels, (3, 1, 1), (t, 1, 1))),
    )
    return {
        f"conv{c.number}": nn.Sequential(
            halves, layers.batch_norm(c.out_channels, relu=not c.is_last)
        )
    }
