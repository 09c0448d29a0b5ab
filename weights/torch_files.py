"""Reads a PyTorch checkpoint without running anything it contains. The converter's only use of
`torch.load`.
"""

import io
import os
import pickle
import re
import struct
import zipfile
import zlib

from weights.errors import WeightsError
from weights.pickle_scan import HostilePickleError, scan

# Pickles at the head of a file in PyTorch's older format: a number, its version, the machine, the
# tensors, the names of what follows.
HEAD_PICKLES = 5
# Names and shapes only; the numbers lie beside it.
LARGEST_PICKLE = 1 << 28


def read_state_dict(path):
    """Read the weights of a PyTorch checkpoint.

    Args:
        path: A bare state dict, ``{"state_dict": ...}`` or a whole training checkpoint, in
            either of PyTorch's file formats; names may begin with ``module.``.

    Returns:
        name -> ``torch.Tensor`` on the CPU, without ``module.``. Tensors of a file in the newer
        format are mapped from it, not copied.

    Raises:
        WeightsError: The file cannot be read, is damaged, holds anything but tensors and plain
            containers (nothing of it has been executed then), or has no state dict in it.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(100)
    except OSError as error:
        raise WeightsError(path, error.strerror or str(error)) from None
    torch = _import_torch(path)
    content = _load(path, start, torch)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content:
        raise WeightsError(path, "no state dict in it: neither bare nor under 'state_dict'")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise WeightsError(path, f"no state dict in it: {name!r} is not a tensor")
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise WeightsError(path, f"{name} is a sparse, quantised or empty tensor")
    while all(name.startswith("module.") for name in content):
        content = {name.removeprefix("module."): tensor for name, tensor in content.items()}
    return dict(content)


def _import_torch(path):
    """PyTorch, which nothing but conversion needs and which takes seconds to import."""
    try:
        import torch
    except ImportError as error:
        raise WeightsError(
            path,
            f"PyTorch is needed to read it ({error}); any CPU build will do, see "
            "https://pytorch.org/get-started; a converted file is used without",
        ) from None
    return torch


def _load(path, start, torch):
    try:
        _scan(path)
        return torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except HostilePickleError as error:
        raise WeightsError(path, f"refused: {error}") from None
    except (
        # All that a damaged or forged file has been seen to end in.
        *(RuntimeError, EOFError, AttributeError, LookupError, TypeError, ValueError, OSError),
        *(AssertionError, ArithmeticError, MemoryError, struct.error, pickle.UnpicklingError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise WeightsError(path, _reason(start, error)) from None


def _scan(path):
    """Look through the pickles of a checkpoint before PyTorch opens them."""
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            for _ in range(HEAD_PICKLES):
                scan(file, os.fstat(file.fileno()).st_size)
                if not file.peek(1):
                    break
        return
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.filename.lower().endswith(".pkl"):
                if entry.file_size > LARGEST_PICKLE:
                    raise HostilePickleError(f"{entry.filename} has {entry.file_size:,} bytes")
                content = archive.read(entry)
                scan(io.BytesIO(content), len(content))
            elif entry.compress_type != zipfile.ZIP_STORED:
                # PyTorch would take the compressed bytes for the numbers.
                raise HostilePickleError(f"{entry.filename} is compressed, as PyTorch writes none")


def _reason(start, error):
    # PyTorch's own message advises to switch the protection off.
    forbidden = re.search(r"GLOBAL ([\w.]+)", str(error))
    if forbidden:
        return (
            f"refused: it holds a {forbidden[1]}, and a checkpoint may hold tensors and plain "
            "containers only; it was not executed, do not open it elsewhere"
        )
    if not start:
        return "not a PyTorch checkpoint: it is empty"
    if start.lstrip().startswith(b"<"):
        return "not a PyTorch checkpoint but a web page: what was downloaded is not the file itself"
    detail = "" if isinstance(error, pickle.UnpicklingError) else str(error).split(". ")[0]
    detail = f" ({' '.join(detail.split())})" if detail else ""
    return f"not a PyTorch checkpoint, or a damaged one{detail}; nothing in it was executed"
