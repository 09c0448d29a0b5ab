"""R3D as torchvision builds it: a stem of length 3, no max-pool.

Source: torchvision.models.video.r3d_18; Tran et al., "A Closer Look at Spatiotemporal Convolutions
for Action Recognition", CVPR 2018.
"""

from paddle import nn

from models.residual import RESIDUAL_BLOCKS, ResidualNetwork, residual_stages

DEPTHS = (18, 34)
CHANNELS = (64, 128, 256, 512)


def build(layers, depth=18, n_classes=101, in_channels=3, bn_epsilon=1e-5):
    """Build torchvision's R3D; the arguments are those of `models.build`."""
    layers = layers.with_epsilon(bn_epsilon)
    return ResidualNetwork(
        layers,
        stem(layers, in_channels),
        CHANNELS[0],
        residual_stages(depth, CHANNELS, expansion=1),
        RESIDUAL_BLOCKS[depth][0],
        n_classes,
        convolution=convolution_with_norm,
    )


def stem(layers, in_channels):
    """One convolution that sees 3 frames, under torchvision's names."""
    return {
        "stem": nn.Sequential(
            layers.convolution(in_channels, CHANNELS[0], (3, 7, 7), (1, 2, 2)),
            layers.batch_norm(CHANNELS[0], relu=True),
        )
    }


def convolution_with_norm(layers, convolution):
    """As `residual.convolution_then_norm`, under torchvision's names: `conv1.0`, `conv1.1`."""
    c = convolution
    return {
        f"conv{c.number}": nn.Sequential(
            layers.convolution(c.in_channels, c.out_channels, c.kernel_size, c.stride),
            layers.batch_norm(c.out_channels, relu=not c.is_last),
        )
    }
