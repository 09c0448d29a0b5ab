"""The residual network that most families are: a stem, four stages of blocks, a head.

A family passes in its stem, its stages, what its block consists of, and how one convolution of a
block is built: that is all in which the families differ. Names such as `layer1.0.conv1.weight`
are the contract with every published checkpoint: a conversion goes by name, so they must not
change.

Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; Hara, Kataoka,
Satoh, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?", CVPR 2018.
"""

from dataclasses import dataclass

from paddle import nn

from models.network import VideoNetwork


@dataclass(frozen=True)
class Stage:
    """Blocks that work on maps of one size.

    Args:
        blocks: Number of blocks.
        channels: Channels inside a block.
        out_channels: Channels that a block returns.
        stride: Step of the first block in time, height and width.
        kernel_size: Kernel in time, height and width of the convolutions that see neighbours.
        groups: Groups of a bottleneck's middle convolution.
    """

    blocks: int
    channels: int
    out_channels: int
    stride: tuple[int, int, int] = (1, 1, 1)
    kernel_size: tuple[int, int, int] = (3, 3, 3)
    groups: int = 1


@dataclass(frozen=True)
class BlockConvolution:
    """One convolution of a block, as data.

    Args:
        number: Which one of the block: 1, 2 or 3.
        in_channels, out_channels: Numbers of channels.
        kernel_size, stride: In time, height and width.
        groups: Number of groups that the channels are split into.
        is_last: Whether the sum with the shortcut follows.
        block_in_channels: Channels that go into the block.
    """

    number: int
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, int, int]
    stride: tuple[int, int, int]
    groups: int
    is_last: bool
    block_in_channels: int


ONE = (1, 1, 1)


def basic_block(stage, in_channels, stride):
    """Two convolutions that see neighbours: the block of depths 10, 18 and 34."""
    return _numbered(
        (in_channels, stage.channels, stage.kernel_size, stride, 1),
        (stage.channels, stage.out_channels, stage.kernel_size, ONE, 1),
    )


def bottleneck(stage, in_channels, stride):
    """1x1x1, 3x3x3, 1x1x1, with the stride in the middle: the block of depths 50 to 200."""
    return _numbered(
        (in_channels, stage.channels, ONE, ONE, 1),
        (stage.channels, stage.channels, stage.kernel_size, stride, stage.groups),
        (stage.channels, stage.out_channels, ONE, ONE, 1),
    )


def _numbered(*convolutions):
    return [
        BlockConvolution(number, *shape, number == len(convolutions), convolutions[0][0])
        for number, shape in enumerate(convolutions, 1)
    ]


# Depth -> block, and the number of blocks in each stage.
RESIDUAL_BLOCKS = {
    10: (basic_block, (1, 1, 1, 1)),
    18: (basic_block, (2, 2, 2, 2)),
    34: (basic_block, (3, 4, 6, 3)),
    50: (bottleneck, (3, 4, 6, 3)),
    101: (bottleneck, (3, 4, 23, 3)),
    152: (bottleneck, (3, 8, 36, 3)),
    200: (bottleneck, (3, 24, 36, 3)),
}
BOTTLENECK_DEPTHS = (50, 101, 152, 200)


def residual_stages(depth, channels, expansion, groups=1):
    """The four stages of a depth, each but the first halving time, height and width.

    Args:
        depth: A key of `RESIDUAL_BLOCKS`.
        channels: Channels inside the blocks of each stage.
        expansion: How many times as many channels a bottleneck returns.
        groups: Groups of the bottleneck's middle convolution.

    Returns:
        A list of four `Stage`.
    """
    block, blocks = RESIDUAL_BLOCKS[depth]
    expansion = expansion if block is bottleneck else 1
    return [
        Stage(n, c, c * expansion, (1, 1, 1) if i == 0 else (2, 2, 2), groups=groups)
        for i, (n, c) in enumerate(zip(blocks, channels, strict=True))
    ]


def convolution_then_norm(layers, convolution):
    """One convolution of a block the usual way: BatchNorm behind it, ReLU unless the sum follows.

    Args:
        layers: `models.layers.Layers`.
        convolution: `BlockConvolution`.

    Returns:
        name -> layer, in the order in which data goes through them.
    """
    c = convolution
    return {
        f"conv{c.number}": layers.convolution(
            c.in_channels, c.out_channels, c.kernel_size, c.stride, c.groups
        ),
        f"bn{c.number}": layers.batch_norm(c.out_channels, relu=not c.is_last),
    }


def hara_stem(layers, in_channels, channels, conv1_t_size, conv1_t_stride, max_pool):
    """The stem of Hara's networks: one large convolution and a max-pool.

    Args:
        layers: `models.layers.Layers`.
        in_channels: Channels of a frame.
        channels: Channels to return.
        conv1_t_size: Length of the convolution in frames.
        conv1_t_stride: Step of the convolution in frames.
        max_pool: Whether there is the max-pool.

    Returns:
        name -> layer, in the order in which data goes through them.
    """
    parts = {
        "conv1": layers.convolution(
            in_channels, channels, (conv1_t_size, 7, 7), (conv1_t_stride, 2, 2)
        ),
        "bn1": layers.batch_norm(channels, relu=True),
    }
    if max_pool:
        parts["maxpool"] = layers.max_pool()
    return parts


class ResidualBlock(nn.Layer):
    """Convolutions beside a shortcut.

    Args:
        path: name -> layer, in the order in which data goes through them.
        shortcut: The layer beside them, or None where the input is added as it is.
        add: What joins the two.
    """

    def __init__(self, path, shortcut, add):
        super().__init__()
        self._path = tuple(path)
        for name, layer in path.items():
            self.add_sublayer(name, layer)
        # Named as in the original, where it is called so even when nothing is sampled down.
        self.downsample = shortcut
        self._add = add

    def forward(self, x):
        y = x
        for name in self._path:
            y = getattr(self, name)(y)
        return self._add(y, x if self.downsample is None else self.downsample(x))


class ResidualNetwork(VideoNetwork):
    """A residual network for video.

    Args:
        layers: `models.layers.Layers`.
        stem: name -> layer, in the order in which data goes through them.
        stem_channels: Channels that the stem returns.
        stages: Four `Stage`.
        block: `basic_block` or `bottleneck`.
        n_classes: Number of outputs, 0 for a backbone.
        convolution: Builds one convolution of a block with what belongs to it, as
            `convolution_then_norm` does.
        shortcut: "B" (a 1x1x1 convolution where the shape changes) or "A" (zero padding, no
            parameters).
        relu_after_sum: Whether a block ends with a ReLU.
    """

    def __init__(
        self,
        layers,
        stem,
        stem_channels,
        stages,
        block,
        n_classes,
        convolution=convolution_then_norm,
        shortcut="B",
        relu_after_sum=True,
    ):
        super().__init__(layers)
        for name, layer in stem.items():
            self.add_sublayer(name, layer)
        add = layers.add_relu if relu_after_sum else layers.add
        channels = stem_channels
        for number, stage in enumerate(stages, 1):
            blocks = []
            for index in range(stage.blocks):
                stride = stage.stride if index == 0 else ONE
                beside = _shortcut(layers, shortcut, channels, stage.out_channels, stride)
                path = {}
                for shape in block(stage, channels, stride):
                    path |= convolution(layers, shape)
                blocks.append(ResidualBlock(path, beside, add))
                channels = stage.out_channels
            self.add_sublayer(f"layer{number}", nn.Sequential(*blocks))
        self.add_head(channels, n_classes)


def _shortcut(layers, kind, in_channels, out_channels, stride):
    if stride == ONE and in_channels == out_channels:
        return None
    if kind == "A":
        if out_channels < in_channels:
            raise ValueError(
                f"shortcut A cannot lead from {in_channels} channels to {out_channels}; use B"
            )
        return layers.padded_identity(out_channels, stride)
    return nn.Sequential(
        layers.convolution(in_channels, out_channels, 1, stride), layers.batch_norm(out_channels)
    )
