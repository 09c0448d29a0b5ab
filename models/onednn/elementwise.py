"""Sums of activations, with and without ReLU."""

from models.onednn.primitives import (
    ADD,
    DESTINATION,
    DIFF_DESTINATION,
    DIFF_SOURCE,
    FORWARD_TRAINING,
    RELU_FROM_OUTPUT,
    SOURCE,
    SOURCE_1,
    Attributes,
    Primitive,
    PrimitiveDescriptor,
    per_geometry,
)


@per_geometry
def addition(layout, relu):
    """A primitive `(one, other, sum)` for three arrays of one layout."""
    attributes = Attributes([("relu",)] if relu else [])
    memory = layout.describe()
    descriptor = PrimitiveDescriptor("binary", ADD, memory, memory, memory, attributes)
    return Primitive(descriptor, {SOURCE: memory, SOURCE_1: memory, DESTINATION: memory})


@per_geometry
def relu_backward(layout):
    """A primitive `(output, gradient of output, gradient of input)`."""
    memory = layout.describe()
    forward = PrimitiveDescriptor(
        "eltwise_forward", FORWARD_TRAINING, RELU_FROM_OUTPUT, memory, memory, 0.0, 0.0, None
    )
    backward = PrimitiveDescriptor(
        "eltwise_backward", RELU_FROM_OUTPUT, memory, memory, memory, 0.0, 0.0, forward, None
    )
    return Primitive(backward, {DESTINATION: memory, DIFF_DESTINATION: memory, DIFF_SOURCE: memory})


def sum_into(total, one, other, layout):
    """Write the sum of two tensors into a third, which may be one of them."""
    addition(layout, False).run(one.data_ptr(), other.data_ptr(), total.data_ptr())


def add(one, other, relu):
    """The sum of two activations, see `Activation.add`."""
    if one.shape != other.shape:
        raise ValueError(f"cannot add activations of shapes {one.shape} and {other.shape}")
    tape = one.tape
    layout = one.layout
    output = one.empty(tape, one.shape, one.needs_gradient or other.needs_gradient)
    addition(layout, relu).run(one.address, other.address, output.address)
    if not output.needs_gradient:
        return output
    backward = relu_backward(layout) if relu else None

    def step():
        gradient = output.take_gradient(to_write=relu)
        if gradient is None:
            return
        if relu:
            address = gradient.data_ptr()
            backward.run(output.address, address, address)
        both = one.needs_gradient and other.needs_gradient
        for term in (one, other):
            if term.needs_gradient:
                term.receive_gradient(gradient, shared=both)

    tape.record(step)
    return output
