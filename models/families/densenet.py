"""DenseNet-BC: layers that add 32 channels each to all that came before.

Source: Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, and densenet in
kenshohara/3D-ResNets-PyTorch. The names are those of the published files (branch CVPR2018); the
code of today calls some layers otherwise, which the conversion translates.
"""

from paddle import nn

from models.network import VideoNetwork

# Depth -> number of dense layers in each of the four blocks.
DENSE_LAYERS = {
    121: (6, 12, 24, 16),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
    264: (6, 12, 64, 48),
}
DEPTHS = tuple(DENSE_LAYERS)
STEM_CHANNELS = 64
# New channels of a dense layer, and channels between its two convolutions.
GROWTH, MIDDLE = 32, 128


def build(
    layers,
    depth=121,
    n_classes=101,
    in_channels=3,
    conv1_t_size=7,
    conv1_t_stride=1,
    max_pool=True,
):
    """Build a DenseNet; the arguments are those of `models.build`."""
    return DenseNet(
        layers,
        DENSE_LAYERS[depth],
        n_classes,
        in_channels,
        conv1_t_size,
        conv1_t_stride,
        max_pool,
    )


class DenseNet(VideoNetwork):
    """A DenseNet-BC for video.

    Args:
        layers: `models.layers.Layers`.
        blocks: Number of dense layers in each of the four blocks.
        n_classes: Number of outputs, 0 for a backbone.
        in_channels, conv1_t_size, conv1_t_stride, max_pool: As in `models.build`.
    """

    head_name = "classifier"

    def __init__(
        self, layers, blocks, n_classes, in_channels, conv1_t_size, conv1_t_stride, max_pool
    ):
        super().__init__(layers)
        channels = STEM_CHANNELS
        parts = {
            "conv0": layers.convolution(
                in_channels, channels, (conv1_t_size, 7, 7), (conv1_t_stride, 2, 2)
            ),
            "norm0": layers.batch_norm(channels, relu=True),
        }
        if max_pool:
            parts["pool0"] = layers.max_pool()
        for number, n_layers in enumerate(blocks, 1):
            parts[f"denseblock{number}"] = _dense_block(layers, channels, n_layers)
            channels += n_layers * GROWTH
            if number < len(blocks):
                parts[f"transition{number}"] = _transition(layers, channels)
                channels //= 2
        parts["norm5"] = layers.batch_norm(channels, relu=True)
        self.features = nn.Sequential(*parts.items())
        self.add_head(channels, n_classes)

    def trunk(self):
        return dict(self.features.named_children())


def _dense_block(layers, in_channels, n_layers):
    return nn.Sequential(
        *(
            (f"denselayer{number + 1}", _DenseLayer(layers, in_channels + number * GROWTH))
            for number in range(n_layers)
        )
    )


def _transition(layers, channels):
    return nn.Sequential(
        ("norm", layers.batch_norm(channels, relu=True)),
        ("conv", layers.convolution(channels, channels // 2, 1)),
        ("pool", layers.average_pool()),
    )


class _DenseLayer(nn.Layer):
    """Appends 32 new channels to its input."""

    def __init__(self, layers, in_channels):
        super().__init__()
        # Two containers, because the published names are norm.1, conv.1, norm.2, conv.2.
        self.norm = nn.LayerDict(
            {
                "1": layers.batch_norm(in_channels, relu=True),
                "2": layers.batch_norm(MIDDLE, relu=True),
            }
        )
        self.conv = nn.LayerDict(
            {
                "1": layers.convolution(in_channels, MIDDLE, 1),
                "2": layers.convolution(MIDDLE, GROWTH, 3),
            }
        )
        self._concatenate = layers.concatenate

    def forward(self, x):
        new = self.conv["1"](self.norm["1"](x))
        new = self.conv["2"](self.norm["2"](new))
        return self._concatenate(x, new)
