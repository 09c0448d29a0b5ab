"""Activations between the layers: channels last, on a tape, with the operations of a network.

The layers in `models.layers` hand their work to whatever carries the activations: a Paddle tensor
goes through Paddle's kernels, an `Activation` through those of this room.
"""

import paddle

from models.onednn import batch_norm, convolution, elementwise, pooling, rearrangement
from models.onednn.primitives import DATA_TYPES, channels_last


class Activation:
    """One layer's output.

    Args:
        tape: The `Tape` of this forward pass.
        data: float32 or bfloat16 tensor `[N, D, H, W, C]`.
        needs_gradient: Whether a gradient must flow back to where it came from.

    Attributes:
        shape: `[N, C, D, H, W]`, as the networks count dimensions.
    """

    def __init__(self, tape, data, needs_gradient):
        self.tape = tape
        self.data = data
        self.needs_gradient = needs_gradient
        n, d, h, w, c = data.shape
        self.shape = [n, c, d, h, w]
        self._gradient = None
        self._gradient_is_shared = False

    @staticmethod
    def empty(tape, shape, needs_gradient):
        """An activation `[N, C, D, H, W]` for a layer to fill."""
        n, c, d, h, w = shape
        return Activation(tape, paddle.empty([n, d, h, w, c], dtype=tape.dtype), needs_gradient)

    @property
    def layout(self):
        """The `Layout` of the data."""
        return channels_last(self.shape, DATA_TYPES[self.data.dtype])

    @property
    def address(self):
        """Where the data lie."""
        return self.data.data_ptr()

    # The gradient, while a tape runs backwards.

    def receive_gradient(self, gradient, shared=False):
        """Add one contribution.

        Args:
            gradient: Tensor like `data`.
            shared: Whether somebody else holds it too, so that it must not be written to.
        """
        if self._gradient is None:
            self._gradient, self._gradient_is_shared = gradient, shared
            return
        total = self._gradient
        if self._gradient_is_shared:
            total = paddle.empty_like(gradient) if shared else gradient
        elementwise.sum_into(total, self._gradient, gradient, self.layout)
        self._gradient, self._gradient_is_shared = total, False

    def take_gradient(self, to_write=False):
        """The sum of the contributions, or None where there are none; it is not kept.

        Args:
            to_write: Whether the caller will write into what it gets.
        """
        gradient, shared = self._gradient, self._gradient_is_shared
        self._gradient = None
        if to_write and shared and gradient is not None:
            return gradient.clone()
        return gradient

    # The operations of a network.

    def convolve(self, layer):
        """A `paddle.nn.Conv3D` without bias."""
        return convolution.convolve(self, layer)

    def normalise(self, layer, relu):
        """A `paddle.nn.BatchNorm3D`, followed by a ReLU if `relu`."""
        return batch_norm.normalise(self, layer, relu)

    def add(self, other, relu):
        """The sum of two activations, followed by a ReLU if `relu`."""
        return elementwise.add(self, other, relu)

    def max_pool(self, kernel, stride, padding):
        """Maximum over windows; each argument three numbers."""
        return pooling.pool(self, "max", kernel, stride, padding)

    def average_pool(self, kernel, stride, padding):
        """Mean over windows; each argument three numbers."""
        return pooling.pool(self, "average", kernel, stride, padding)

    def concatenate(self, other):
        """This and the other one after another along the channels."""
        return rearrangement.concatenate(self, other)

    def subsample(self, stride, channels):
        """Every `stride`-th element (three numbers), then zero channels up to `channels`."""
        return rearrangement.subsample(self, stride, channels)

    def global_mean(self):
        """The mean over time, height and width: a Paddle tensor, float32 `[N, C]`."""
        return pooling.global_mean(self)

    def to_tensor(self):
        """A Paddle tensor, float32 `[N, C, D, H, W]`, through which gradients flow."""
        return rearrangement.to_tensor(self)
