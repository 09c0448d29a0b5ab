"""The 3D ResNet of Hara et al. (2018), with the parameter names of the PyTorch original.

One network class; the residual block and the number of blocks per stage are passed in.
Names such as ``layer1.0.conv1.weight`` are the contract with every published checkpoint: a
conversion goes by name, so they must not change.
"""

import math

import paddle
import paddle.nn.functional as F
from paddle import nn


def convolution(in_channels, out_channels, kernel_size, stride=1):
    """A 3D convolution without bias, padded so that stride 1 keeps the size."""
    if isinstance(kernel_size, int):
        kernel_size = (kernel_size,) * 3
    return nn.Conv3D(
        in_channels,
        out_channels,
        kernel_size,
        stride=stride,
        padding=tuple(k // 2 for k in kernel_size),
        weight_attr=nn.initializer.KaimingNormal(
            # Fan-out, as the original initialises its convolutions.
            fan_in=out_channels * math.prod(kernel_size),
            nonlinearity="relu",
        ),
        bias_attr=False,
    )


class PaddedIdentity(nn.Layer):
    """Shortcut A: subsample, then fill the missing channels with zeros; no parameters.

    The original detaches this path from the gradient by accident (``.data``); here it carries
    its gradient as He et al. (2016) describe it.

    Args:
        out_channels: Number of channels to return, at least those of the input.
        stride: Step in time, height and width.
    """

    def __init__(self, out_channels, stride):
        super().__init__()
        self.out_channels = out_channels
        self.stride = stride

    def forward(self, x):
        s = self.stride
        x = x[:, :, ::s, ::s, ::s]
        batch, channels, *size = x.shape
        zeros = paddle.zeros([batch, self.out_channels - channels, *size], dtype=x.dtype)
        return paddle.concat([x, zeros], axis=1)


class BasicBlock(nn.Layer):
    """Two 3x3x3 convolutions around a shortcut: the block of depths 10, 18 and 34."""

    expansion = 1

    def __init__(self, in_channels, channels, stride=1, shortcut=None):
        super().__init__()
        self.conv1 = convolution(in_channels, channels, 3, stride)
        self.bn1 = nn.BatchNorm3D(channels)
        self.conv2 = convolution(channels, channels, 3)
        self.bn2 = nn.BatchNorm3D(channels)
        # Named as in the original, where it is called so even when nothing is sampled down.
        self.downsample = shortcut

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        return F.relu(x + residual)


class Bottleneck(nn.Layer):
    """1x1x1, 3x3x3, 1x1x1 convolutions around a shortcut: depths 50 to 200."""

    expansion = 4

    def __init__(self, in_channels, channels, stride=1, shortcut=None):
        super().__init__()
        self.conv1 = convolution(in_channels, channels, 1)
        self.bn1 = nn.BatchNorm3D(channels)
        self.conv2 = convolution(channels, channels, 3, stride)
        self.bn2 = nn.BatchNorm3D(channels)
        self.conv3 = convolution(channels, channels * self.expansion, 1)
        self.bn3 = nn.BatchNorm3D(channels * self.expansion)
        self.downsample = shortcut

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return F.relu(x + residual)


class ResNet3D(nn.Layer):
    """A 3D ResNet: stem, four residual stages, global average pooling, one linear head.

    Args:
        block: Residual block class, ``BasicBlock`` or ``Bottleneck``.
        blocks: Number of blocks in each of the four stages.
        n_classes: Number of outputs.
        in_channels: Channels of a frame: 3 for RGB.
        shortcut: ``"B"`` (a 1x1x1 convolution where the shape changes, as published) or ``"A"``
            (zero padding, no parameters).
        conv1_t_size: Length of the first convolution in time, in frames.
        conv1_t_stride: Step of the first convolution in time, in frames.
        max_pool: Whether the stem ends with a 3x3x3 max-pool of stride 2.
        widen_factor: Multiplies the number of channels of every stage.

    Source: Hara, Kataoka, Satoh, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and
    ImageNet?", CVPR 2018, and kenshohara/3D-ResNets-PyTorch.
    """

    def __init__(
        self,
        block,
        blocks,
        n_classes,
        in_channels=3,
        shortcut="B",
        conv1_t_size=7,
        conv1_t_stride=1,
        max_pool=True,
        widen_factor=1.0,
    ):
        super().__init__()
        stage_channels = [int(c * widen_factor) for c in (64, 128, 256, 512)]
        self._shortcut = shortcut
        self._in_channels = stage_channels[0]

        self.conv1 = convolution(
            in_channels, stage_channels[0], (conv1_t_size, 7, 7), (conv1_t_stride, 2, 2)
        )
        self.bn1 = nn.BatchNorm3D(stage_channels[0])
        self.maxpool = nn.MaxPool3D(3, stride=2, padding=1) if max_pool else None
        self.layer1 = self._stage(block, stage_channels[0], blocks[0], stride=1)
        self.layer2 = self._stage(block, stage_channels[1], blocks[1], stride=2)
        self.layer3 = self._stage(block, stage_channels[2], blocks[2], stride=2)
        self.layer4 = self._stage(block, stage_channels[3], blocks[3], stride=2)
        self.fc = nn.Linear(self._in_channels, n_classes)

    def _stage(self, block, channels, n_blocks, stride):
        layers = []
        for i in range(n_blocks):
            step = stride if i == 0 else 1
            layers.append(
                block(
                    self._in_channels, channels, step, self._build_shortcut(block, channels, step)
                )
            )
            self._in_channels = channels * block.expansion
        return nn.Sequential(*layers)

    def _build_shortcut(self, block, channels, stride):
        out_channels = channels * block.expansion
        if stride == 1 and self._in_channels == out_channels:
            return None
        if self._shortcut == "A":
            return PaddedIdentity(out_channels, stride)
        return nn.Sequential(
            convolution(self._in_channels, out_channels, 1, stride), nn.BatchNorm3D(out_channels)
        )

    def embed(self, x):
        """The pooled features before the head.

        Args:
            x: float32 ``[B, C, T, H, W]``, normalised.

        Returns:
            float32 ``[B, D]``: D is 512 for basic blocks and 2048 for bottlenecks, times the
            widen factor.
        """
        x = F.relu(self.bn1(self.conv1(x)))
        if self.maxpool is not None:
            x = self.maxpool(x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return paddle.mean(x, axis=[2, 3, 4])

    def forward(self, x):
        """Class scores before the softmax.

        Args:
            x: float32 ``[B, C, T, H, W]``, normalised.

        Returns:
            float32 logits ``[B, n_classes]``.
        """
        return self.fc(self.embed(x))
