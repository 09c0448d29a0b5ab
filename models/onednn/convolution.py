"""Convolutions, forward and backward, grouped or not, in the layout that oneDNN likes best.

Activations stay channels last. Weights are reordered from their tensor into the primitive's own
layout at every step, and their gradient back; both take little beside the convolution.
"""

import paddle

from models.onednn.primitives import (
    CONVOLUTION_DIRECT,
    DESTINATION,
    DIFF_DESTINATION,
    DIFF_SOURCE,
    DIFF_WEIGHTS,
    FLOAT32,
    FORWARD_TRAINING,
    SOURCE,
    WEIGHTS,
    Layout,
    Primitive,
    PrimitiveDescriptor,
    channels_last,
    dense_strides,
    dims,
    per_geometry,
    reorder,
)
from models.onednn.rearrangement import copy


def taps_that_touch(length, kernel, stride, padding):
    """Which taps of a kernel meet data at all, along one axis.

    On the last maps of a network most of a kernel lies in the padding for ever: of 3 taps on a
    clip of one frame only the middle one counts. The others need not be computed.

    Args:
        length: Size of the input along the axis.
        kernel, stride, padding: Those of the convolution; the padding is the same at both ends.

    Returns:
        (first, end): half-open range of taps.
    """
    size = (length + 2 * padding - kernel) // stride + 1
    touching = [
        tap
        for tap in range(kernel)
        if any(0 <= out * stride - padding + tap < length for out in range(size))
    ]
    return touching[0], touching[-1] + 1


class Geometry:
    """The shapes of one convolution, its weights cut down to the taps that meet data.

    Args:
        source: The `Layout` of the input.
        weights: Shape of the whole weights, `[O, I / groups, D, H, W]`.
        stride: Three numbers.
        padding: Three numbers, the same in front and behind.
        groups: Number of groups.
    """

    def __init__(self, source, weights, stride, padding, groups):
        out_channels, in_channels, *kernel = weights
        n, _, *lengths = source.shape
        self.sizes = [
            (length + 2 * p - k) // s + 1
            for length, k, s, p in zip(lengths, kernel, stride, padding, strict=True)
        ]
        if min(self.sizes) < 1:
            raise ValueError(f"maps of {lengths} are smaller than a kernel of {kernel}")
        taps = [
            taps_that_touch(length, k, s, p)
            for length, k, s, p in zip(lengths, kernel, stride, padding, strict=True)
        ]
        self.is_cut = any(end - first < k for (first, end), k in zip(taps, kernel, strict=True))
        kernel = [end - first for first, end in taps]
        before = [p - first for p, (first, _) in zip(padding, taps, strict=True)]
        behind = [
            max(0, (size - 1) * s + k - length - p)
            for size, s, k, length, p in zip(
                self.sizes, stride, kernel, lengths, before, strict=True
            )
        ]
        self.windows = _windows(stride, before, behind)
        # Where the kernel is longer than the input, the weight gradient wants the padding in time
        # to be there in memory: in bfloat16 the library computes some taps wrongly otherwise (the
        # last maps of a 16-frame clip: 2 frames, 3 taps), and in float32 it is slow.
        self.lengthened = None
        self.frames_before = before[0]
        if kernel[0] > lengths[0]:
            frames = before[0] + lengths[0] + behind[0]
            self.lengthened = channels_last(
                (*source.shape[:2], frames, *lengths[1:]), source.data_type
            )
            self.lengthened_windows = _windows(stride, [0, *before[1:]], [0, *behind[1:]])
        self.output_shape = [n, out_channels, *self.sizes]
        strides = dense_strides(weights)
        # Where the first tap that counts lies in the weights' memory, in bytes.
        self.offset = 4 * sum(
            first * step for (first, _), step in zip(taps, strides[2:], strict=True)
        )
        shape = [out_channels, in_channels, *kernel]
        if groups > 1:
            shape = [groups, out_channels // groups, in_channels, *kernel]
            strides = (strides[0] * (out_channels // groups), *strides)
        self.weights = Layout(tuple(shape), FLOAT32, tuple(strides))


def _windows(stride, before, behind):
    return [dims(stride), dims([0, 0, 0]), dims(before), dims(behind)]


class Convolution:
    """The primitives of one convolution.

    Args:
        source: The `Layout` of the input.
        weights: Shape of the whole weights, `[O, I / groups, D, H, W]`.
        stride: Three numbers.
        padding: Three numbers, the same in front and behind.
        groups: Number of groups.
        to_input: Whether the gradient of the input is asked for.
        to_weights: Whether the gradient of the weights is asked for.
    """

    def __init__(self, source, weights, stride, padding, groups, to_input, to_weights):
        self.geometry = Geometry(source, weights, stride, padding, groups)
        windows = self.geometry.windows
        user = self.geometry.weights.describe()
        free = Layout(self.geometry.weights.shape, source.data_type, None).describe()
        # The gradient of bfloat16 convolutions is summed, and handed out, in float32.
        free_gradient = Layout(self.geometry.weights.shape, FLOAT32, None).describe()
        destination = channels_last(self.geometry.output_shape, source.data_type).describe()
        source = source.describe()

        forward = PrimitiveDescriptor(
            "convolution_forward",
            FORWARD_TRAINING,
            CONVOLUTION_DIRECT,
            source,
            free,
            None,
            destination,
            *windows,
            None,
        )
        packed = forward.layout(WEIGHTS)
        self.packed_size = packed.size
        self.pack = reorder(user, packed)
        self.forward = Primitive(
            forward, {SOURCE: source, WEIGHTS: packed, DESTINATION: destination}
        )
        if to_input:
            backward = PrimitiveDescriptor(
                "convolution_backward_data",
                CONVOLUTION_DIRECT,
                source,
                free,
                destination,
                *windows,
                forward,
                None,
            )
            packed = backward.layout(WEIGHTS)
            self.packed_size_backward = packed.size
            self.pack_backward = reorder(user, packed)
            self.backward_data = Primitive(
                backward, {DIFF_DESTINATION: destination, WEIGHTS: packed, DIFF_SOURCE: source}
            )
        if to_weights:
            if self.geometry.lengthened:
                source = self.geometry.lengthened.describe()
                windows = self.geometry.lengthened_windows
            backward = PrimitiveDescriptor(
                "convolution_backward_weights",
                CONVOLUTION_DIRECT,
                source,
                free_gradient,
                None,
                destination,
                *windows,
                forward,
                None,
            )
            packed = backward.layout(DIFF_WEIGHTS)
            self.gradient_size = packed.size
            self.unpack = reorder(packed, user)
            self.backward_weights = Primitive(
                backward, {SOURCE: source, DIFF_DESTINATION: destination, DIFF_WEIGHTS: packed}
            )


convolution = per_geometry(Convolution)


def convolve(x, layer):
    """Apply a `paddle.nn.Conv3D` without bias, see `Activation.convolve`."""
    weight = layer.weight
    learns = x.tape.learns(weight)
    return convolve_with(
        x,
        layer,
        weight,
        (tuple(layer._stride), tuple(layer._updated_padding), layer._groups),
        (lambda gradient: x.tape.set_gradient(weight, gradient)) if learns else None,
    )


def convolve_with(x, layer, weight, options, set_gradient):
    """Apply a convolution whose weight is given.

    Args:
        x: The input, an `Activation`.
        layer: The `paddle.nn.Conv3D`.
        weight: float32 tensor `[O, I / groups, D, H, W]`, its weight in the form that meets `x`.
        options: (stride, padding, groups); the first two are three numbers each.
        set_gradient: Called with the gradient of `weight`; None where it is not needed.

    Returns:
        The output, an `Activation`.
    """
    tape = x.tape
    to_input, to_weights = x.needs_gradient, set_gradient is not None
    if tape.folding is not None and not (to_input or to_weights):
        return tape.folding.convolve(x, layer, weight, options)
    kernels = convolution(x.layout, tuple(weight.shape), *options, to_input, to_weights)
    geometry = kernels.geometry
    output = x.empty(tape, geometry.output_shape, to_input or to_weights)
    packed = scratch(kernels.packed_size)
    kernels.pack.run(weight.data_ptr() + geometry.offset, packed.data_ptr())
    kernels.forward.run(x.address, packed.data_ptr(), output.address)
    if not output.needs_gradient:
        return output

    def step():
        gradient = output.take_gradient()
        if gradient is None:
            return
        if to_weights:
            packed = scratch(kernels.gradient_size)
            source = _lengthened(x, geometry) if geometry.lengthened else x.data
            kernels.backward_weights.run(source.data_ptr(), gradient.data_ptr(), packed.data_ptr())
            # Taps that meet no data have no gradient.
            create = paddle.zeros_like if geometry.is_cut else paddle.empty_like
            unpacked = create(weight)
            kernels.unpack.run(packed.data_ptr(), unpacked.data_ptr() + geometry.offset)
            set_gradient(unpacked)
        if to_input:
            packed = scratch(kernels.packed_size_backward)
            kernels.pack_backward.run(weight.data_ptr() + geometry.offset, packed.data_ptr())
            result = paddle.empty_like(x.data)
            kernels.backward_data.run(gradient.data_ptr(), packed.data_ptr(), result.data_ptr())
            x.receive_gradient(result)

    tape.record(step)
    return output


def _lengthened(x, geometry):
    """The input with its padding in time, a tensor `[N, D', H, W, C]`."""
    n, _, d, h, w = geometry.lengthened.shape
    whole = paddle.zeros([n, d, h, w, x.shape[1]], dtype=x.data.dtype)
    inside = x.layout._replace(strides=geometry.lengthened.strides)
    frame = h * w * x.shape[1] * whole.element_size()
    copy(x.layout, inside).run(x.address, whole.data_ptr() + geometry.frames_before * frame)
    return whole


def scratch(size):
    """Memory of `size` bytes."""
    return paddle.empty([size], dtype="uint8")
