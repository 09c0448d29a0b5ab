"""The oneDNN library that Paddle's wheel carries: finding it, its version, its C functions.

No compiler and no further package: the C interface is called through ctypes on the tensors' own
memory. Whatever is missing (another platform, another version) raises `UnavailableError` with the
reason, and Paddle's kernels do the work instead.
"""

import ctypes
import platform
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_size_t, c_uint, c_void_p
from functools import lru_cache
from pathlib import Path

import paddle

# The binding is written for, and tested with, this minor version: numbers of enumerations may
# change with the next.
VERSION = (3, 6)

# From the C headers: the memory handle that lets the library allocate, and the processor
# instruction sets (bits) among which AVX-512's bfloat16 dot product stands.
ALLOCATE = c_void_p(-1)
_ISA_AVX512_BF16 = 0xE7
_ENGINE_CPU = 1
_STREAM_IN_ORDER = 1


class UnavailableError(RuntimeError):  # noqa: N818 - a reason to take other kernels, not an error
    """oneDNN cannot be used here; the message says why."""


class OneDnnError(RuntimeError):  # noqa: N818 - the same
    """A call into oneDNN did not succeed; the message names the call and its status."""


class _Version(ctypes.Structure):
    _fields_ = [
        ("major", c_int),
        ("minor", c_int),
        ("patch", c_int),
        ("hash", c_char_p),
        ("cpu_runtime", c_uint),
        ("gpu_runtime", c_uint),
    ]


class Argument(ctypes.Structure):
    """One argument of an execution: its number and its memory object."""

    _fields_ = [("number", c_int), ("memory", c_void_p)]


_DIMS = POINTER(ctypes.c_int64)
_OUT = POINTER(c_void_p)
# The functions that answer with a status, 0 being success: name -> types of the arguments.
_SIGNATURES = {
    "engine_create": [_OUT, c_int, c_size_t],
    "stream_create": [_OUT, c_void_p, c_uint],
    "stream_wait": [c_void_p],
    "memory_desc_create_with_strides": [_OUT, c_int, _DIMS, c_int, _DIMS],
    "memory_desc_create_with_tag": [_OUT, c_int, _DIMS, c_int, c_int],
    "memory_desc_clone": [_OUT, c_void_p],
    "memory_desc_destroy": [c_void_p],
    "memory_create": [_OUT, c_void_p, c_void_p, c_void_p],
    "memory_set_data_handle": [c_void_p, c_void_p],
    "memory_destroy": [c_void_p],
    "primitive_attr_create": [_OUT],
    "primitive_attr_set_post_ops": [c_void_p, c_void_p],
    "primitive_attr_set_scales_mask": [c_void_p, c_int, c_int],
    "primitive_attr_destroy": [c_void_p],
    "post_ops_create": [_OUT],
    "post_ops_append_eltwise": [c_void_p, c_int, c_float, c_float],
    "post_ops_append_binary": [c_void_p, c_int, c_void_p],
    "post_ops_destroy": [c_void_p],
    "primitive_desc_destroy": [c_void_p],
    "primitive_create": [_OUT, c_void_p],
    "primitive_destroy": [c_void_p],
    "primitive_execute": [c_void_p, c_void_p, c_int, POINTER(Argument)],
    # Primitive descriptors: the out pointer and the engine, then what the operation needs.
    "reorder_primitive_desc_create": [_OUT] + [c_void_p] * 5,
    "convolution_forward_primitive_desc_create": [_OUT, c_void_p, c_int, c_int]
    + [c_void_p] * 4
    + [_DIMS] * 4
    + [c_void_p],
    "convolution_backward_data_primitive_desc_create": [_OUT, c_void_p, c_int]
    + [c_void_p] * 3
    + [_DIMS] * 4
    + [c_void_p] * 2,
    "convolution_backward_weights_primitive_desc_create": [_OUT, c_void_p, c_int]
    + [c_void_p] * 4
    + [_DIMS] * 4
    + [c_void_p] * 2,
    "batch_normalization_forward_primitive_desc_create": [_OUT, c_void_p, c_int]
    + [c_void_p] * 2
    + [c_float, c_uint, c_void_p],
    "batch_normalization_backward_primitive_desc_create": [_OUT, c_void_p, c_int]
    + [c_void_p] * 3
    + [c_float, c_uint, c_void_p, c_void_p],
    "pooling_forward_primitive_desc_create": [_OUT, c_void_p, c_int, c_int]
    + [c_void_p] * 2
    + [_DIMS] * 5
    + [c_void_p],
    "pooling_backward_primitive_desc_create": [_OUT, c_void_p, c_int]
    + [c_void_p] * 2
    + [_DIMS] * 5
    + [c_void_p] * 2,
    "eltwise_forward_primitive_desc_create": [_OUT, c_void_p, c_int, c_int]
    + [c_void_p] * 2
    + [c_float, c_float, c_void_p],
    "eltwise_backward_primitive_desc_create": [_OUT, c_void_p, c_int]
    + [c_void_p] * 3
    + [c_float, c_float, c_void_p, c_void_p],
    "binary_primitive_desc_create": [_OUT, c_void_p, c_int] + [c_void_p] * 4,
    "concat_primitive_desc_create": [_OUT, c_void_p, c_void_p, c_int, c_int, _OUT, c_void_p],
}


class Library:
    """The loaded library with its CPU engine and its stream.

    Attributes:
        version: (major, minor, patch).
        has_bfloat16: Whether the processor has bfloat16 arithmetic (AVX-512 BF16 or AMX) and the
            library may use it.
    """

    def __init__(self, onednn, openmp):
        self._onednn = onednn
        self._openmp = openmp
        onednn.dnnl_version.restype = POINTER(_Version)
        version = onednn.dnnl_version().contents
        self.version = (version.major, version.minor, version.patch)
        if self.version[:2] != VERSION:
            found = ".".join(map(str, self.version))
            wanted = ".".join(map(str, VERSION))
            raise UnavailableError(f"Paddle brings oneDNN {found}, this program knows {wanted}")
        for name, arguments in _SIGNATURES.items():
            function = getattr(onednn, f"dnnl_{name}")
            function.argtypes = arguments
            function.restype = c_int
        onednn.dnnl_primitive_desc_query_md.argtypes = [c_void_p, c_int, c_int]
        onednn.dnnl_primitive_desc_query_md.restype = c_void_p
        onednn.dnnl_memory_desc_get_size.argtypes = [c_void_p]
        onednn.dnnl_memory_desc_get_size.restype = c_size_t
        onednn.dnnl_memory_desc_equal.argtypes = [c_void_p, c_void_p]
        onednn.dnnl_memory_desc_equal.restype = c_int
        isa = onednn.dnnl_get_effective_cpu_isa()
        self.has_bfloat16 = isa & _ISA_AVX512_BF16 == _ISA_AVX512_BF16
        self.engine = self.create("engine_create", _ENGINE_CPU, 0)
        self.stream = self.create("stream_create", self.engine, _STREAM_IN_ORDER)
        # The two calls of every execution, without a lookup.
        self.set_data_handle = onednn.dnnl_memory_set_data_handle
        self.execute = onednn.dnnl_primitive_execute

    def call(self, name, *arguments):
        """Call `dnnl_<name>`.

        Raises:
            OneDnnError: Its status is not 0.
        """
        status = getattr(self._onednn, f"dnnl_{name}")(*arguments)
        if status:
            raise OneDnnError(f"dnnl_{name} answered with status {status}")

    def create(self, name, *arguments):
        """Call `dnnl_<name>`, whose first argument is where the new object's handle goes.

        Returns:
            The handle.
        """
        handle = c_void_p()
        self.call(name, byref(handle), *arguments)
        return handle

    def memory_descriptor(self, primitive_descriptor, which):
        """The memory descriptor (owned by its primitive descriptor) of one argument."""
        return c_void_p(self._onednn.dnnl_primitive_desc_query_md(primitive_descriptor, which, 0))

    def size(self, memory_descriptor):
        """The number of bytes that a memory descriptor needs."""
        return self._onednn.dnnl_memory_desc_get_size(memory_descriptor)

    def equal(self, one, other):
        """Whether two memory descriptors are the same."""
        return bool(self._onednn.dnnl_memory_desc_equal(one, other))

    @property
    def threads(self):
        """The number of threads that the calling thread's work is spread over."""
        return self._openmp.omp_get_max_threads()

    @threads.setter
    def threads(self, number):
        self._openmp.omp_set_num_threads(number)


def files():
    """Where the wheel has oneDNN and its OpenMP runtime: two paths."""
    folder = Path(paddle.__file__).parent / "libs"
    return folder / "libdnnl.so.3", folder / "libiomp5.so"


@lru_cache(maxsize=1)
def load():
    """Load oneDNN, once per process.

    Returns:
        The `Library`.

    Raises:
        UnavailableError: With the reason.
    """
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise UnavailableError(f"no oneDNN kernels on {platform.system()} {platform.machine()}")
    onednn, openmp = files()
    for file in (onednn, openmp):
        if not file.is_file():
            raise UnavailableError(f"this build of Paddle has no {file.name}")
    try:
        return Library(ctypes.CDLL(str(onednn)), ctypes.CDLL(str(openmp)))
    except (OSError, AttributeError, OneDnnError) as error:
        raise UnavailableError(f"oneDNN cannot be used: {error}") from error


def unavailable_because(precision="fp32"):
    """Why the kernels cannot be used here, or None.

    Args:
        precision: `"fp32"` or `"bf16"`.
    """
    try:
        library = load()
    except UnavailableError as error:
        return str(error)
    if precision == "bf16" and not library.has_bfloat16:
        return (
            "this processor has no bfloat16 arithmetic (AVX-512 BF16 or AMX), or "
            "ONEDNN_MAX_CPU_ISA forbids it"
        )
    return None
