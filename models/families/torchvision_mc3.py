"""MC3, mixed convolutions: 3x3x3 kernels in the first stage, frames one by one in the others.

Time is never halved, not in the shortcuts either.

Source: torchvision.models.video.mc3_18; Tran et al., "A Closer Look at Spatiotemporal Convolutions
for Action Recognition", CVPR 2018.
"""

from dataclasses import replace

from models.families.torchvision_r3d import CHANNELS, DEPTHS, convolution_with_norm, stem
from models.residual import RESIDUAL_BLOCKS, ResidualNetwork, residual_stages

__all__ = ["DEPTHS", "build"]


def build(layers, depth=18, n_classes=101, in_channels=3, bn_epsilon=1e-5):
    """Build torchvision's MC3; the arguments are those of `models.build`."""
    layers = layers.with_epsilon(bn_epsilon)
    first, *others = residual_stages(depth, CHANNELS, expansion=1)
    return ResidualNetwork(
        layers,
        stem(layers, in_channels),
        CHANNELS[0],
        [first, *(replace(s, stride=(1, 2, 2), kernel_size=(1, 3, 3)) for s in others)],
        RESIDUAL_BLOCKS[depth][0],
        n_classes,
        convolution=convolution_with_norm,
    )
