"""oneDNN's primitives: made once per geometry, run on any memory.

A primitive is made from memory layouts and options alone. The functions that make them are cached
by those with a bound (`per_geometry`), and an object that falls out of its cache is destroyed when
nobody holds it any more, so changing batch shapes cannot pile up descriptors.
"""

import ctypes
import math
import weakref
from ctypes import c_void_p
from functools import lru_cache
from typing import NamedTuple

import paddle

from models.onednn import library as onednn

# Data types.
BFLOAT16, FLOAT32, UINT8 = 2, 3, 6
DATA_TYPES = {
    paddle.bfloat16: BFLOAT16,
    paddle.float32: FLOAT32,
    paddle.uint8: UINT8,
}

# Kinds of propagation.
FORWARD_TRAINING, FORWARD_INFERENCE, BACKWARD = 64, 96, 128

# Arguments of an execution.
SOURCE, SOURCE_1, DESTINATION, WEIGHTS, BIAS, WORKSPACE = 1, 2, 17, 33, 41, 64
MEAN, VARIANCE, SCALE, SHIFT = 49, 50, 51, 52
DIFF_SOURCE, DIFF_DESTINATION, DIFF_WEIGHTS, DIFF_SCALE, DIFF_SHIFT = 129, 145, 161, 255, 256
POST_OPERATION = 32768

# Algorithms.
CONVOLUTION_DIRECT = 1
RELU, RELU_FROM_OUTPUT = 0x20, 0x100
ADD, MULTIPLY = 0x1FFF0, 0x1FFF1

# What to ask a primitive descriptor for.
_QUERY = {
    SOURCE: 129,
    DIFF_SOURCE: 130,
    WEIGHTS: 131,
    DIFF_WEIGHTS: 132,
    DESTINATION: 133,
    DIFF_DESTINATION: 134,
    WORKSPACE: 135,
}
_TAG_ANY = 1

# How many geometries of one operation are kept. The deepest DenseNet has about 270 of its
# convolutions; a training run has two batch shapes, evaluation another.
GEOMETRIES = 1024
_caches = []


def per_geometry(make):
    """Wrap what makes primitives of a geometry, so that the same ones serve it again."""
    cached = lru_cache(maxsize=GEOMETRIES)(make)
    _caches.append(cached)
    return cached


def set_threads(number):
    """Set the number of threads of all oneDNN and Paddle kernels.

    A primitive divides its work when it is made, so all are made anew for another number.
    """
    library = onednn.load()
    if number != library.threads:
        library.threads = number
        for cached in _caches:
            cached.cache_clear()


def dims(values):
    """A C array of dimensions."""
    return (ctypes.c_int64 * len(values))(*values)


class Descriptor:
    """A memory descriptor that this program owns."""

    def __init__(self, library, handle):
        self._as_parameter_ = handle
        self.size = library.size(handle)
        weakref.finalize(self, library.call, "memory_desc_destroy", handle).atexit = False


class Layout(NamedTuple):
    """How an array lies in memory.

    Attributes:
        shape: The dimensions: N, C, D, H, W for activations, ([G,] O, I, D, H, W) for weights.
        data_type: One of oneDNN's numbers.
        strides: In elements, one per dimension; None where the primitive is to choose.
    """

    shape: tuple
    data_type: int
    strides: tuple | None

    def describe(self):
        """A new `Descriptor` of it."""
        library = onednn.load()
        shape = dims(self.shape)
        if self.strides is None:
            create, last = "memory_desc_create_with_tag", _TAG_ANY
        else:
            create, last = "memory_desc_create_with_strides", dims(self.strides)
        handle = library.create(create, len(self.shape), shape, self.data_type, last)
        return Descriptor(library, handle)


def dense_strides(shape):
    """Strides of an array in C order."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def channels_last(shape, data_type):
    """The layout of activations `[N, C, D, H, W]` whose channels lie together."""
    n, c, d, h, w = shape
    return Layout((n, c, d, h, w), data_type, (d * h * w * c, 1, h * w * c, w * c, c))


def dense(shape, data_type):
    """The layout of an array in C order."""
    return Layout(tuple(shape), data_type, dense_strides(shape))


class Attributes:
    """Attributes of a primitive: the operations that follow it at once.

    Args:
        post_operations: `("relu",)` or `("add", layout)`, in order.
    """

    def __init__(self, post_operations):
        self._library = onednn.load()
        self._as_parameter_ = self._library.create("primitive_attr_create")
        operations = self._library.create("post_ops_create")
        for kind, *layout in post_operations:
            if kind == "relu":
                self._library.call("post_ops_append_eltwise", operations, RELU, 0.0, 0.0)
            else:
                added = layout[0].describe()
                self._library.call("post_ops_append_binary", operations, ADD, added)
        self._library.call("primitive_attr_set_post_ops", self, operations)
        self._library.call("post_ops_destroy", operations)

    def __del__(self):
        self._library.call("primitive_attr_destroy", self)


class PrimitiveDescriptor:
    """What a primitive is made from; it knows the layouts that the primitive has chosen.

    Args:
        operation: For example `"convolution_forward"`.
        arguments: Those of `dnnl_<operation>_primitive_desc_create` after the engine.
    """

    def __init__(self, operation, *arguments):
        self._library = onednn.load()
        engine = () if operation == "reorder" else (self._library.engine,)
        self._as_parameter_ = self._library.create(
            f"{operation}_primitive_desc_create", *engine, *arguments
        )

    def __del__(self):
        if hasattr(self, "_as_parameter_"):
            self._library.call("primitive_desc_destroy", self)

    def layout(self, argument):
        """A `Descriptor` of the memory that the primitive wants for one argument."""
        owned_elsewhere = self._library.memory_descriptor(self, _QUERY[argument])
        return Descriptor(self._library, self._library.create("memory_desc_clone", owned_elsewhere))


class Primitive:
    """A primitive with one memory object per argument; a run changes nothing but addresses.

    Args:
        descriptor: A `PrimitiveDescriptor`.
        arguments: Argument number -> `Descriptor` of its memory, in the order in which `run`
            takes the addresses.
    """

    live = 0

    def __init__(self, descriptor, arguments):
        self._library = library = onednn.load()
        self.sizes = tuple(layout.size for layout in arguments.values())
        self._memories = [
            library.create("memory_create", layout, library.engine, c_void_p(None))
            for layout in arguments.values()
        ]
        self._n = len(arguments)
        self._arguments = (onednn.Argument * self._n)(
            *(
                onednn.Argument(number, memory)
                for number, memory in zip(arguments, self._memories, strict=True)
            )
        )
        self._handle = library.create("primitive_create", descriptor)
        self._set = library.set_data_handle
        self._execute = library.execute
        self._stream = library.stream
        Primitive.live += 1

    def __del__(self):
        if not hasattr(self, "_stream"):
            return
        Primitive.live -= 1
        self._library.call("primitive_destroy", self._handle)
        for memory in self._memories:
            self._library.call("memory_destroy", memory)

    def run(self, *addresses):
        """Execute on the memory at these addresses, in the order of the arguments."""
        for memory, address in zip(self._memories, addresses, strict=True):
            self._set(memory, address)
        status = self._execute(self._handle, self._stream, self._n, self._arguments)
        if status:
            raise onednn.OneDnnError(f"a primitive answered with status {status}")


def reorder(source, destination):
    """A primitive `(source, destination)` that copies between two `Descriptor` of one shape."""
    engine = onednn.load().engine
    descriptor = PrimitiveDescriptor("reorder", source, engine, destination, engine, None)
    return Primitive(descriptor, {SOURCE: source, DESTINATION: destination})
