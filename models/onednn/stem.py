"""From uint8 clips to the output of the first convolution.

Three channels fill neither a vector nor a matrix tile. Where the first convolution steps by two
pixels, each square of 2x2 pixels becomes one of 12 channels, and the kernel is rearranged in the
same way (with a row and a column of zeros where it was odd): the same sums, at a better rate. The
rearrangement is done on the bytes; zeros around the clip stay zeros after normalisation because
the convolution pads what has been normalised.
"""

from functools import lru_cache

import paddle

from models.onednn.activation import Activation
from models.onednn.convolution import convolve_with
from models.onednn.primitives import (
    DATA_TYPES,
    DESTINATION,
    FLOAT32,
    GEOMETRIES,
    POST_OPERATION,
    SOURCE,
    SOURCE_1,
    UINT8,
    Attributes,
    Layout,
    Primitive,
    PrimitiveDescriptor,
    channels_last,
    dense,
)
from models.onednn.rearrangement import copy

_MULTIPLY = 0x1FFF1


class Clips:
    """Clips on their way to the first convolution, not normalised yet.

    Args:
        tape: The `Tape` of this pass.
        clips: uint8 tensor `[N, C, T, H, W]`.
        normalisation: `models.Normalisation`.
    """

    def __init__(self, tape, clips, normalisation):
        self.tape = tape
        self.clips = clips.contiguous()
        self.scale = normalisation.scale
        self.shift = normalisation.shift

    def convolve(self, layer):
        """The first convolution, a `paddle.nn.Conv3D` without bias, on the normalised clips."""
        tape, weight = self.tape, layer.weight
        stride, padding = tuple(layer._stride), tuple(layer._updated_padding)
        learns = tape.learns(weight)
        squares = squares_of(tuple(weight.shape), stride, padding, tuple(self.clips.shape))
        if squares is None or tape.dtype == paddle.float32:
            set_gradient = (lambda g: tape.set_gradient(weight, g)) if learns else None
            pairs = tuple((p, p) for p in padding)
            return convolve_with(
                self._normalised(1), weight, stride, pairs, layer._groups, set_gradient
            )

        def set_gradient(gradient):
            tape.set_gradient(weight, squares.fold(gradient))

        return convolve_with(
            self._normalised(2),
            squares.unfold(weight.detach()),
            (stride[0], 1, 1),
            ((padding[0], padding[0]), *squares.padding),
            1,
            set_gradient if learns else None,
        )

    def _normalised(self, side):
        """The normalised clips, squares of `side` x `side` pixels as channels: an `Activation`."""
        n, c, t, h, w = self.clips.shape
        rows, columns, channels = h // side, w // side, side * side * c
        arranged = paddle.empty([n, t, rows, columns, channels], dtype="uint8")
        apart = (n, c, t, rows, side, columns, side)
        target = (
            t * h * w * c,
            1,
            h * w * c,
            columns * channels,
            side * c,
            channels,
            c,
        )
        copy(dense(apart, UINT8), Layout(apart, UINT8, target)).run(
            self.clips.data_ptr(), arranged.data_ptr()
        )
        shape = (n, channels, t, rows, columns)
        output = Activation.empty(self.tape, shape, False)
        scale, shift = (paddle.tile(x.flatten(), [side * side]) for x in (self.scale, self.shift))
        normalisation(shape, DATA_TYPES[self.tape.dtype]).run(
            arranged.data_ptr(), scale.data_ptr(), output.address, shift.data_ptr()
        )
        return output


@lru_cache(maxsize=GEOMETRIES)
def normalisation(shape, data_type):
    """A primitive `(uint8 clips, scale, normalised clips, shift)`, all channels last."""
    per_channel = dense((1, shape[1], 1, 1, 1), FLOAT32)
    source = channels_last(shape, UINT8).describe()
    destination = channels_last(shape, data_type).describe()
    scale = per_channel.describe()
    attributes = Attributes([("add", per_channel)])
    return Primitive(
        PrimitiveDescriptor("binary", _MULTIPLY, source, scale, destination, attributes),
        {
            SOURCE: source,
            SOURCE_1: scale,
            DESTINATION: destination,
            POST_OPERATION | SOURCE_1: scale,
        },
    )


class Squares:
    """How a kernel with stride 2 becomes one with stride 1 on squares of 2x2 pixels.

    Args:
        kernel: Height and width of the kernel.
        padding: Height and width of the padding.
        sizes: Height and width of the clips.
    """

    def __init__(self, kernel, padding, sizes):
        self.kernel = kernel
        # Zeros in front of the kernel, so that it starts where a square starts.
        self.front = [p % 2 for p in padding]
        self.blocks = [(k + f + 1) // 2 for k, f in zip(kernel, self.front, strict=True)]
        self.padding = []
        for k, p, blocks, size in zip(kernel, padding, self.blocks, sizes, strict=True):
            outputs = (size + 2 * p - k) // 2 + 1
            before = (p + 1) // 2
            self.padding.append((before, outputs - 1 + blocks - size // 2 - before))

    def unfold(self, weight):
        """`[O, C, D, H, W]` to `[O, 4 * C, D, H', W']`."""
        o, c, d, _, _ = weight.shape
        (bh, bw), (fh, fw), (kh, kw) = self.blocks, self.front, self.kernel
        whole = paddle.zeros([o, c, d, 2 * bh, 2 * bw], dtype=weight.dtype)
        whole[:, :, :, fh : fh + kh, fw : fw + kw] = weight
        parts = whole.reshape([o, c, d, bh, 2, bw, 2]).transpose([0, 4, 6, 1, 2, 3, 5])
        return parts.reshape([o, 4 * c, d, bh, bw])

    def fold(self, gradient):
        """The gradient of the unfolded weight, as that of the weight."""
        o, channels, d, bh, bw = gradient.shape
        c = channels // 4
        (fh, fw), (kh, kw) = self.front, self.kernel
        parts = gradient.reshape([o, 2, 2, c, d, bh, bw]).transpose([0, 3, 4, 5, 1, 6, 2])
        whole = parts.reshape([o, c, d, 2 * bh, 2 * bw])
        return whole[:, :, :, fh : fh + kh, fw : fw + kw].contiguous()


@lru_cache(maxsize=GEOMETRIES)
def squares_of(weight, stride, padding, clips):
    """The `Squares` of a first convolution; None where its pixels cannot be rearranged so.

    Args:
        weight: Shape of the weight.
        stride: Three numbers.
        padding: Three numbers.
        clips: Shape of the clips.
    """
    sizes = clips[3:]
    if stride[1:] != (2, 2) or weight[1] != clips[1] or any(size % 2 for size in sizes):
        return None
    squares = Squares(weight[3:], padding[1:], sizes)
    return squares if all(behind >= 0 for _, behind in squares.padding) else None
