"""What the networks are made of: every operation between clip and head, in plain Paddle.

The families build and combine layers through a `Layers` object only, so that the same networks
run on other kernels or in another memory layout: a subclass of `Layers` is handed to
`models.build`, and no family knows.
"""

import copy
import math

import paddle
import paddle.nn.functional as F
from paddle import nn


class BatchNorm3D(nn.BatchNorm3D):
    """A BatchNorm with, where asked, the ReLU behind it.

    It has its parent's name because Paddle names the parameters, and with them the optimizer's
    state in a checkpoint, after the class.

    Args:
        channels: Number of channels.
        epsilon: Added to the variance.
        relu: Whether a ReLU follows.
    """

    def __init__(self, channels, epsilon=1e-5, relu=False):
        super().__init__(channels, epsilon=epsilon)
        self.relu = relu

    def forward(self, x):
        # By name: in a static graph Paddle takes `super()` for the parent of the object's class,
        # and a subclass would come back here for ever.
        x = nn.BatchNorm3D.forward(self, x)
        return F.relu(x) if self.relu else x


class SyncBatchNorm3D(nn.SyncBatchNorm):
    """A BatchNorm over the clips of all processes; it has kernels for GPUs only.

    Args:
        channels, epsilon, relu: As for `BatchNorm3D`.
    """

    def __init__(self, channels, epsilon=1e-5, relu=False):
        super().__init__(channels, epsilon=epsilon)
        self.relu = relu

    def forward(self, x):
        if self._use_global_stats:
            # Paddle's own forward does not look at it.
            x = F.batch_norm(
                x, self._mean, self._variance, self.weight, self.bias, epsilon=self._epsilon
            )
        else:
            x = super().forward(x)
        return F.relu(x) if self.relu else x


class PaddedIdentity(nn.Layer):
    """Shortcut A: subsample, then fill the missing channels with zeros; no parameters.

    The original detaches this path from the gradient by accident (`.data`); here it carries its
    gradient as He et al. (2016) describe it.

    Args:
        out_channels: Number of channels to return, at least those of the input.
        stride: Step in time, height and width.
    """

    def __init__(self, out_channels, stride):
        super().__init__()
        self.out_channels = out_channels
        self.stride = stride

    def forward(self, x):
        t, h, w = self.stride
        x = x[:, :, ::t, ::h, ::w]
        batch, channels, *size = x.shape
        zeros = paddle.zeros([batch, self.out_channels - channels, *size], dtype=x.dtype)
        return paddle.concat([x, zeros], axis=1)


class Layers:
    """Layers and operations on float32 `[B, C, T, H, W]`, with Paddle's own kernels.

    A subclass may keep its tensors as it likes between `enter` and `global_mean`. Its layers
    carry the same parameters under the same names, and its BatchNorm is an `nn.BatchNorm3D` or
    `nn.SyncBatchNorm` that obeys `_use_global_stats`, by which fine-tuning keeps statistics still.

    Args:
        bn_epsilon: Epsilon of every BatchNorm.
    """

    # The classes of the layers.
    conv3d = nn.Conv3D
    batch_norm3d = BatchNorm3D
    max_pool3d = nn.MaxPool3D
    average_pool3d = nn.AvgPool3D
    padded_identity3d = PaddedIdentity

    def __init__(self, bn_epsilon=1e-5):
        self.bn_epsilon = bn_epsilon

    def with_epsilon(self, bn_epsilon):
        """The same with another epsilon of BatchNorm."""
        other = copy.copy(self)
        other.bn_epsilon = bn_epsilon
        return other

    def convolution(self, in_channels, out_channels, kernel_size, stride=1, groups=1):
        """A layer: convolution without bias, padded so that stride 1 keeps the size.

        Args:
            in_channels, out_channels: Numbers of channels.
            kernel_size: Time, height and width, odd; or one number for all three.
            stride: The same.
            groups: Number of groups that the channels are split into.
        """
        if isinstance(kernel_size, int):
            kernel_size = (kernel_size,) * 3
        return self.conv3d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=tuple(k // 2 for k in kernel_size),
            groups=groups,
            weight_attr=nn.initializer.KaimingNormal(
                # Fan-out, as the original initialises its convolutions.
                fan_in=out_channels * math.prod(kernel_size),
                nonlinearity="relu",
            ),
            bias_attr=False,
        )

    def batch_norm(self, channels, relu=False):
        """A layer: BatchNorm, with the ReLU behind it where asked."""
        return self.batch_norm3d(channels, self.bn_epsilon, relu)

    def max_pool(self):
        """A layer: maximum over 3x3x3 with stride 2 and padding 1."""
        return self.max_pool3d(3, stride=2, padding=1)

    def average_pool(self):
        """A layer: mean over 2x2x2 with stride 2; an odd last element is dropped."""
        return self.average_pool3d(2, stride=2)

    def padded_identity(self, out_channels, stride):
        """A layer: shortcut A.

        Args:
            out_channels: Number of channels to return.
            stride: Step in time, height and width.
        """
        return self.padded_identity3d(out_channels, stride)

    def normalise(self, clips, normalisation):
        """Take uint8 `[B, C, T, H, W]` to what `enter` takes.

        Args:
            clips: The clips.
            normalisation: `models.Normalisation`.
        """
        return normalisation(clips)

    def enter(self, clips):
        """Take float32 `[B, C, T, H, W]` into the layout of the layers."""
        return clips

    def run(self, trunk, clips):
        """The pooled features of clips.

        Args:
            trunk: Layers, in the order in which data goes through them.
            clips: float32 `[B, C, T, H, W]`, or what `normalise` returned.

        Returns:
            float32 `[B, features_size]`.
        """
        x = self.enter(clips)
        for layer in trunk:
            x = layer(x)
        return self.global_mean(x)

    def add(self, x, y):
        """The sum."""
        return x + y

    def add_relu(self, x, y):
        """The ReLU of the sum."""
        return F.relu(x + y)

    def concatenate(self, x, y):
        """The channels of x, then those of y."""
        return paddle.concat([x, y], axis=1)

    def global_mean(self, x):
        """Mean over time, height and width: float32 `[B, C]`."""
        return paddle.mean(x, axis=[2, 3, 4])


class SynchronisedLayers(Layers):
    """The same, with BatchNorm over the clips of all processes."""

    def batch_norm(self, channels, relu=False):
        return SyncBatchNorm3D(channels, self.bn_epsilon, relu)
