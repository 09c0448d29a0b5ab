"""Pre-activation ResNet: BatchNorm and ReLU in front of each convolution, nothing after the sum.

As published there is neither BatchNorm nor ReLU between the last stage and the pooling.

Source: He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016, and pre_act_resnet in
kenshohara/3D-ResNets-PyTorch, branch CVPR2018.
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
    """Build a pre-activation ResNet; the arguments are those of `models.build`."""
    channels = [int(c * widen_factor) for c in (64, 128, 256, 512)]
    return ResidualNetwork(
        layers,
        hara_stem(layers, in_channels, channels[0], conv1_t_size, conv1_t_stride, max_pool),
        channels[0],
        residual_stages(depth, channels, expansion=4),
        RESIDUAL_BLOCKS[depth][0],
        n_classes,
        convolution=_norm_then_convolution,
        shortcut=shortcut,
        relu_after_sum=False,
    )


def _norm_then_convolution(layers, convolution):
    c = convolution
    return {
        f"bn{c.number}": layers.batch_norm(c.in_channels, relu=True),
        f"conv{c.number}": layers.convolution(
            c.in_channels, c.out_channels, c.kernel_size, c.stride
        ),
    }
