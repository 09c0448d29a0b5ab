"""Convolutions of a network whose parameters stand still: BatchNorm, sum and ReLU inside.

A convolution is put off until something needs its result. What comes in between, a BatchNorm
with given statistics, its ReLU, the sum at the end of a block and the ReLU behind it, is folded
in: into the weights, or into what the convolution does to a value before it stores it.
"""

import paddle

from models.onednn import library
from models.onednn.activation import Activation
from models.onednn.batch_norm import uses_given_statistics
from models.onednn.convolution import Geometry, scratch
from models.onednn.primitives import (
    BIAS,
    CONVOLUTION_DIRECT,
    DESTINATION,
    FLOAT32,
    FORWARD_INFERENCE,
    POST_OPERATION,
    SOURCE,
    SOURCE_1,
    WEIGHTS,
    Attributes,
    Layout,
    Primitive,
    PrimitiveDescriptor,
    channels_last,
    dense,
    per_geometry,
    reorder,
)


class FoldedConvolution:
    """The primitives of one convolution with bias and what follows it.

    Args:
        source: The `Layout` of the input.
        weights, stride, padding, groups: As in `convolution.Geometry`.
        adds: Whether another activation is added.
        relu: Whether a ReLU ends it.
    """

    def __init__(self, source, weights, stride, padding, groups, adds, relu):
        self.geometry = Geometry(source, weights, stride, padding, groups)
        output = channels_last(self.geometry.output_shape, source.data_type)
        destination = output.describe()
        free = Layout(self.geometry.weights.shape, source.data_type, None).describe()
        bias = dense([weights[0]], FLOAT32).describe()
        source = source.describe()
        attributes = Attributes([("add", output)] * adds + [("relu",)] * relu)
        descriptor = PrimitiveDescriptor(
            "convolution_forward",
            FORWARD_INFERENCE,
            CONVOLUTION_DIRECT,
            source,
            free,
            bias,
            destination,
            *self.geometry.windows,
            attributes,
        )
        self.packed = packed = descriptor.layout(WEIGHTS)
        self.pack = reorder(self.geometry.weights.describe(), packed)
        arguments = {SOURCE: source, WEIGHTS: packed, BIAS: bias, DESTINATION: destination}
        if adds:
            arguments[POST_OPERATION | SOURCE_1] = destination
        self.forward = Primitive(descriptor, arguments)

    def packs_like(self, layout):
        """Whether weights packed in another `Descriptor` serve this convolution too."""
        return library.load().equal(self.packed, layout)


folded_convolution = per_geometry(FoldedConvolution)


class Folding:
    """The folded weights of one network, kept between its passes."""

    def __init__(self):
        self.kept = {}

    def convolve(self, x, layer, weight, options):
        """A convolution to fold into, see `FoldingConvolution`."""
        return FoldingConvolution(x, layer, weight, options)


class FoldingConvolution(Activation):
    """The output of a convolution that has not been computed yet.

    Args:
        x: The input, an `Activation`.
        layer: The `paddle.nn.Conv3D`, under which the folded weights are kept.
        weight: Its weight, in the form in which it meets `x`.
        options: (stride, padding, groups).
        norm: The BatchNorm that follows, or None.
        other: The activation that is added, or None.
        relu: Whether a ReLU ends it.
    """

    def __init__(self, x, layer, weight, options, norm=None, other=None, relu=False):
        self.tape = x.tape
        self.needs_gradient = False
        self._what = (x, layer, weight, options)
        self._norm, self._other, self._relu = norm, other, relu
        self._data = None
        self._kernels = folded_convolution(
            x.layout, tuple(weight.shape), *options, other is not None, relu
        )
        self.shape = list(self._kernels.geometry.output_shape)

    @property
    def data(self):
        """The output; asking for it computes it."""
        if self._data is None:
            n, c, d, h, w = self.shape
            x, kernels = self._what[0], self._kernels
            packed, bias = self._folded_weights()
            self._data = paddle.empty([n, d, h, w, c], dtype=self.tape.dtype)
            other = [] if self._other is None else [self._other.address]
            kernels.forward.run(
                x.address, packed.data_ptr(), bias.data_ptr(), self._data.data_ptr(), *other
            )
            self._what = self._other = None
        return self._data

    def normalise(self, layer, relu):
        follows = self._norm is None and not self._relu and self._other is None
        if follows and self._data is None and uses_given_statistics(layer):
            return FoldingConvolution(*self._what, norm=layer, relu=relu)
        return super().normalise(layer, relu)

    def add(self, other, relu):
        if self._data is None and not self._relu and self._other is None:
            return FoldingConvolution(*self._what, norm=self._norm, other=other, relu=relu)
        return super().add(other, relu)

    def _folded_weights(self):
        """The packed weights and the bias, computed once per layer and way of packing."""
        _, layer, weight, _ = self._what
        geometry = self._kernels.geometry
        kept = self.tape.folding.kept.setdefault((layer, geometry.weights, geometry.offset), [])
        # Other batch sizes nearly always want the weights packed in the same way.
        for layout, packed, bias in kept:
            if self._kernels.packs_like(layout):
                return packed, bias
        weight = weight.detach()
        bias = paddle.zeros([weight.shape[0]])
        norm = self._norm
        if norm is not None:
            scale = norm.weight / paddle.sqrt(norm._variance + norm._epsilon)
            bias = (norm.bias - norm._mean * scale).detach()
            weight = (weight * scale.reshape([-1, 1, 1, 1, 1])).detach()
        packed = scratch(self._kernels.packed.size)
        self._kernels.pack.run(weight.data_ptr() + geometry.offset, packed.data_ptr())
        kept.append((self._kernels.packed, packed, bias))
        return packed, bias
