"""ResNeXt: bottlenecks whose middle convolution works in groups.

Source: Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", CVPR 2017, and
resnext in kenshohara/3D-ResNets-PyTorch. The published files have the stem of 64 channels of the
branch CVPR2018; the code of today makes it 128.
"""

from dataclasses import replace

from models.residual import (
    BOTTLENECK_DEPTHS,
    ResidualNetwork,
    bottleneck,
    hara_stem,
    residual_stages,
)

DEPTHS = BOTTLENECK_DEPTHS
OUT_CHANNELS = (256, 512, 1024, 2048)


def build(
    layers,
    depth=50,
    n_classes=101,
    in_channels=3,
    shortcut="B",
    conv1_t_size=7,
    conv1_t_stride=1,
    max_pool=True,
    cardinality=32,
    stem_channels=64,
):
    """Build a ResNeXt; the arguments are those of `models.build`."""
    # A block returns 256 to 2048 channels; inside, a group has 4 in the first stage.
    channels = [cardinality * c // 32 for c in (128, 256, 512, 1024)]
    stages = residual_stages(depth, channels, expansion=1, groups=cardinality)
    return ResidualNetwork(
        layers,
        hara_stem(layers, in_channels, stem_channels, conv1_t_size, conv1_t_stride, max_pool),
        stem_channels,
        [replace(stage, out_channels=c) for stage, c in zip(stages, OUT_CHANNELS, strict=True)],
        bottleneck,
        n_classes,
        shortcut=shortcut,
    )
