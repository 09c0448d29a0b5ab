"""From the tensors of a PyTorch state dict to the arrays of a Paddle network, by name."""

import numpy as np

from weights.errors import WeightsError
from weights.files import listed

# Ours -> PyTorch's.
STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}


def map_tensors(state, network, structure, what, path, bar):
    """Map every tensor of a file.

    Args:
        state: name -> `torch.Tensor`.
        network: The bare network they are for.
        structure: The file's `Structure`.
        what: What the network is called in errors.
        path: The file, for the errors.
        bar: A `ByteProgress` to move on.

    Returns:
        Paddle's name -> float32 array, and one line for each tensor of the file.

    Raises:
        WeightsError: A tensor is missing, unknown, of another shape or not of finite numbers.
    """
    tensors = network.state_dict()
    names = {name: structure.name_in_file(_torch_name(name)) for name in tensors}
    counters = {
        name.replace("running_mean", "num_batches_tracked")
        for name in names.values()
        if name.endswith("running_mean")
    }
    missing = [name for name in names.values() if name not in state]
    unknown = [name for name in state if name not in {*names.values(), *counters}]
    if missing:
        raise WeightsError(path, f"{listed(missing)} missing from this {what}")
    if unknown:
        raise WeightsError(path, f"{listed(unknown)} not part of an {what}")
    arrays, details = {}, []
    for name, torch_name in names.items():
        tensor = state[torch_name]
        # PyTorch keeps linear layers as [outputs, inputs], Paddle as [inputs, outputs].
        transposed = name == f"{network.head_name}.weight"
        array = _as_array(torch_name, tensor, path)
        if transposed:
            array = np.ascontiguousarray(array.T)
        if tuple(array.shape) != tuple(tensors[name].shape):
            raise WeightsError(
                path,
                f"{torch_name} has the shape {list(tensor.shape)}, which does not fit an {what}",
            )
        arrays[name] = array
        how = ", transposed" if transposed else ""
        details.append(f"{torch_name} {list(tensor.shape)} -> {name}{how}")
        bar.advance(array.nbytes)
    details += [f"{name} left out: Paddle counts no batches" for name in state if name in counters]
    return arrays, tuple(details)


def _torch_name(name):
    stem, _, last = name.rpartition(".")
    return f"{stem}.{STATISTICS.get(last, last)}"


def _as_array(name, tensor, path):
    if not tensor.is_floating_point():
        raise WeightsError(path, f"{name} is not made of floating-point numbers")
    array = tensor.detach().float().numpy()
    if not np.isfinite(array).all():
        raise WeightsError(path, f"{name} holds numbers that are not finite")
    return array
