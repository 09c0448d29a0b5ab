"""Writes and reads a network with its description: `NAME.pdparams` and `NAME.json`."""

import pickle
from pathlib import Path

import numpy as np

from weights.description import NetworkDescription
from weights.durable import write_atomically, write_together
from weights.errors import WeightsError
from weights.safe_reading import read_pdparams


def write_pdparams(state, path, progress=None):
    """Write a state dict so that plain `paddle.load` reads it.

    Args:
        state: The state dict of a network or an optimizer: name -> `paddle.Tensor` or
            `numpy.ndarray`, or plain containers of them.
        path: The file, complete or absent at every moment.
        progress: A `ByteProgress` to move on, or None.
    """
    write_atomically(path, _state_writer(state, progress))


def _state_writer(state, progress):
    # paddle.save would write the same, but without fsync and only to a path of its own.
    arrays = _as_arrays(state)

    def write(file):
        pickle.dump(arrays, _Counted(file, progress) if progress else file, protocol=4)

    return write


class _Counted:
    """A file that tells a progress bar what is written to it."""

    def __init__(self, file, progress):
        self._file = file
        self._progress = progress

    def write(self, data):
        self._progress.advance(len(data))
        return self._file.write(data)


def _as_arrays(value):
    if isinstance(value, dict):
        return {key: _as_arrays(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_as_arrays(item) for item in value)
    return value.numpy() if hasattr(value, "numpy") else value


def description_path(path):
    """The JSON beside a `.pdparams` file."""
    return Path(path).with_suffix(".json")


def save_network(network, description, path):
    """Write a network and its description: `NAME.pdparams` and `NAME.json`.

    Args:
        network: A bare network of `models.build`.
        description: Its `NetworkDescription`.
        path: The `.pdparams` file; the JSON goes beside it.
    """
    save_state(network.state_dict(), description, path)


def save_state(state, description, path, progress=None):
    """Write a state dict and its description: `NAME.pdparams` and `NAME.json`.

    Args:
        state: As for `write_pdparams`.
        description: A `NetworkDescription`.
        path: The `.pdparams` file.
        progress: As for `write_pdparams`.
    """
    text = description.to_json().encode()
    # The description first: weights never stand there without it.
    write_together(
        {
            description_path(path): lambda file: file.write(text),
            path: _state_writer(state, progress),
        }
    )


def read_description(path):
    """Read the description beside a `.pdparams` file.

    Args:
        path: The `.pdparams` file.

    Returns:
        A `NetworkDescription`.

    Raises:
        WeightsError: There is none, or it is not a valid one.
    """
    path = description_path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise WeightsError(path, error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise WeightsError(path, "not a text file") from None
    return NetworkDescription.from_json(text, path)


def load_network(path, layers=None):
    """Rebuild a network from `NAME.pdparams` and `NAME.json`.

    Args:
        path: The `.pdparams` file.
        layers: The operations to run on, as for `models.build`.

    Returns:
        The bare network with its weights, and its `NetworkDescription`.

    Raises:
        WeightsError: A file is missing, damaged or unsafe, or the two do not fit.
    """
    description = read_description(path)
    try:
        network = description.build(layers)
    # What Paddle says to sizes that nothing has.
    except (ValueError, OverflowError, MemoryError, SystemError) as error:
        raise WeightsError(description_path(path), str(error).splitlines()[0]) from None
    fill(network, read_pdparams(path), path)
    return network, description


def fill(network, state, path, fresh=()):
    """Set every tensor of a network, by name.

    Args:
        network: A bare network.
        state: name -> `numpy.ndarray`, as from `read_pdparams`.
        path: Where the state is from, for the errors.
        fresh: Names of tensors that keep their values, and that the state does not have.

    Raises:
        WeightsError: A tensor is missing, unknown, of another shape or not of numbers; the
            network is unchanged then.
    """
    tensors = {n: tensor for n, tensor in network.state_dict().items() if n not in fresh}
    missing = [name for name in tensors if name not in state]
    unknown = [name for name in state if name not in tensors]
    if missing:
        raise WeightsError(path, f"{listed(missing)} missing")
    if unknown:
        raise WeightsError(path, f"{listed(unknown)} not part of the network")
    for name, tensor in tensors.items():
        _check_fits(name, tensor, state[name], path)
    for name, tensor in tensors.items():
        tensor.set_value(state[name].astype("float32", copy=False))


def _check_fits(name, tensor, array, path):
    """Raise a `WeightsError` unless the array can become the tensor's value."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise WeightsError(path, f"{name} is not an array of floating-point numbers")
    if tuple(array.shape) != tuple(tensor.shape):
        raise WeightsError(
            path,
            f"{name} has the shape {list(array.shape)}, the network wants {list(tensor.shape)}",
        )


def listed(names):
    """`tensor a is` / `tensors a, b and 5 more are`, for one-line errors."""
    if len(names) == 1:
        return f"tensor {names[0]} is"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"tensors {', '.join(names[:3])}{more} are"


def count_parameters(state):
    """Number of trained parameters in a state dict: all but BatchNorm's running statistics."""
    return sum(
        int(np.prod(tensor.shape))
        for name, tensor in state.items()
        if not name.endswith(("._mean", "._variance"))
    )
