"""From uint8 clips to the output of the first convolution.

Everything is done on rows of bytes as far as possible: channels last, then one multiplication and
one addition per value of a row. Three channels fill neither a vector of bfloat16 pairs nor a
matrix tile, so in bfloat16 the pixels under one row of the kernel become the channels of one
pixel, and the kernel's width becomes channels in the same way: the same sums, at a better rate.
"""

import paddle

from models.onednn.activation import Activation
from models.onednn.convolution import convolve_with
from models.onednn.primitives import (
    DATA_TYPES,
    DESTINATION,
    FLOAT32,
    MULTIPLY,
    POST_OPERATION,
    SOURCE,
    SOURCE_1,
    UINT8,
    Attributes,
    Layout,
    Primitive,
    PrimitiveDescriptor,
    dense,
    per_geometry,
)
from models.onednn.rearrangement import copy


class Clips:
    """Clips on their way to the first convolution, not normalised yet.

    Args:
        tape: The `Tape` of this pass.
        clips: uint8 tensor `[N, C, T, H, W]`.
        normalisation: `models.Normalisation`.

    Attributes:
        normalised_by_paddle: Returns the normalised clips as a Paddle tensor, for Paddle's kernels.
    """

    def __init__(self, tape, clips, normalisation):
        self.tape = tape
        self.clips = clips.contiguous()
        self.normalised_by_paddle = lambda: normalisation(clips)
        self.scale = normalisation.scale.flatten()
        self.shift = normalisation.shift.flatten()

    def convolve(self, layer):
        """The first convolution, a `paddle.nn.Conv3D` without bias, on the normalised clips."""
        tape, weight = self.tape, layer.weight
        stride, padding = tuple(layer._stride), tuple(layer._updated_padding)
        if tape.dtype == paddle.float32:
            return self._normalised().convolve(layer)
        o, c, d, h, w = weight.shape
        # [O, C, D, H, W] to [O, W * C, D, H, 1], and back.
        widened = weight.detach().transpose([0, 4, 1, 2, 3]).reshape([o, w * c, d, h, 1])

        def set_gradient(gradient):
            gradient = gradient.reshape([o, w, c, d, h]).transpose([0, 2, 3, 4, 1])
            tape.set_gradient(weight, gradient.contiguous())

        return convolve_with(
            self._windows(w, stride[2], padding[2]),
            layer,
            widened,
            ((*stride[:2], 1), (*padding[:2], 0), 1),
            set_gradient if tape.learns(weight) else None,
        )

    def _normalised(self):
        """The normalised clips: an `Activation` in float32."""
        n, c, t, h, w = self.clips.shape
        return Activation(self.tape, self._rows(0).reshape([n, t, h, w, c]), False)

    def _windows(self, width, stride, padding):
        """The normalised clips, the pixels under a row of the kernel as channels.

        Args:
            width: Pixels under a row of the kernel.
            stride, padding: In pixels, along the row.

        Returns:
            An `Activation` `[N, width * C, T, H, W']`.
        """
        n, c, t, h, w = self.clips.shape
        rows = self._rows(padding)
        across = (w + 2 * padding - width) // stride + 1
        output = Activation.empty(self.tape, (n, width * c, t, h, across), False)
        data_type = DATA_TYPES[self.tape.dtype]
        # Neighbouring windows overlap; what one stride brings does not.
        for first in range(0, width, stride):
            values = min(stride, width - first) * c
            shape = (n * t * h, across, values)
            taken = Layout(shape, FLOAT32, ((w + 2 * padding) * c, stride * c, 1))
            given = Layout(shape, data_type, (across * width * c, width * c, 1))
            copy(taken, given).run(
                rows.data_ptr() + first * c * rows.element_size(),
                output.address + first * c * output.data.element_size(),
            )
        return output

    def _rows(self, padding):
        """The normalised clips, float32 `[N * T * H, (padding + W + padding) * C]`."""
        n, c, t, h, w = self.clips.shape
        row = (w + 2 * padding) * c
        # Before normalisation anything may stand in the padding; afterwards it is exactly zero.
        arranged = paddle.empty([n * t * h, row], dtype="uint8")
        shape = tuple(self.clips.shape)
        last = Layout(shape, UINT8, (t * h * row, 1, h * row, row, c))
        copy(dense(shape, UINT8), last).run(
            self.clips.data_ptr(), arranged.data_ptr() + padding * c
        )
        rows = paddle.empty(arranged.shape, dtype="float32")
        shape = tuple(arranged.shape)
        copy(dense(shape, UINT8), dense(shape, FLOAT32)).run(arranged.data_ptr(), rows.data_ptr())
        scale, shift = (
            paddle.nn.functional.pad(paddle.tile(values, [w]), [padding * c, padding * c])
            for values in (self.scale, self.shift)
        )
        multiply_add(shape).run(
            rows.data_ptr(), scale.data_ptr(), rows.data_ptr(), shift.data_ptr()
        )
        return rows


@per_geometry
def multiply_add(shape):
    """A primitive `(rows, scale, result, shift)`: float32 rows times a row, plus a row."""
    rows = dense(shape, FLOAT32).describe()
    row_layout = dense((1, shape[1]), FLOAT32)
    row = row_layout.describe()
    attributes = Attributes([("add", row_layout)])
    return Primitive(
        PrimitiveDescriptor("binary", MULTIPLY, rows, row, rows, attributes),
        {SOURCE: rows, SOURCE_1: row, DESTINATION: rows, POST_OPERATION | SOURCE_1: row},
    )
