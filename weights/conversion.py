"""Converts a PyTorch checkpoint of a 3D ResNet to Paddle, by name, and proves the result.

    python -m app convert r3d50_KM_200ep.pth

Everything is read from the tensors; every tensor on either side is accounted for; the converted
network and the PyTorch weights are run on one input and must agree before anything is written.
"""

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle

from weights.description import InputContract, NetworkDescription
from weights.durable import sha256
from weights.errors import WeightsError
from weights.files import (
    count_parameters,
    description_path,
    fill,
    listed,
    read_description,
    save_state,
)
from weights.labels import read_labels
from weights.progress import ByteProgress
from weights.structure import read_options

# Relative error of the logits above which a conversion is taken to be wrong. A right one is
# around 5e-7.
LARGEST_ERROR = 1e-4
PROOF_SHAPE = (16, 64, 64)
# The authors' first release (resnet-34-kinetics.pth and its like, 2017) was trained on values
# 0-255 with the mean of ActivityNet taken off; every later file on 0-1 values and Kinetics'.
FIRST_RELEASE = re.compile(r"resnet-\d+-kinetics")
FIRST_RELEASE_INPUT = InputContract(
    mean=(114.7748, 107.7354, 99.4750), std=(1.0, 1.0, 1.0), value_range=255
)
PADDLE_NAMES = {"running_mean": "_mean", "running_var": "_variance"}


@dataclass(frozen=True)
class ConversionResult:
    """What ``convert`` did.

    Args:
        source: The PyTorch file.
        output: The ``.pdparams`` file; the JSON lies beside it.
        description: The ``NetworkDescription`` in that JSON.
        parameters: Number of trained parameters.
        error: Relative error against PyTorch, or None when it was not checked.
        details: One line per tensor of the source: what became of it.
        seconds: How long it took.
    """

    source: Path
    output: Path
    description: NetworkDescription
    parameters: int
    error: float | None
    details: tuple[str, ...]
    seconds: float

    @property
    def summary(self):
        """The result in one line."""
        options = self.description.options
        labels = "with" if self.description.labels else "without"
        check = (
            "not checked"
            if self.error is None
            else f"checked against PyTorch, relative error {self.error:.1e}"
        )
        return (
            f"{self.source} -> {self.output}: R3D-{options['depth']}, "
            f"{options['n_classes']} classes {labels} names, shortcut {options['shortcut']}, "
            f"{self.parameters / 1e6:.1f} M parameters; {check}"
        )

    @property
    def assumptions(self):
        """What the tensors do not tell and was taken from convention, in one line."""
        contract = self.description.input
        return (
            f"taken from convention: values 0-{contract.value_range:g}, mean "
            f"{list(contract.mean)}, std {list(contract.std)}, {contract.frames} frames of "
            f"{contract.size}x{contract.size}, first convolution with time step 1, max-pool"
        )


def convert(source, output=None, labels=None, check=True, progress=None):
    """Convert a PyTorch checkpoint of a 3D ResNet.

    Args:
        source: The ``.pth`` file, in any of the forms of ``torch_files.read_state_dict``.
        output: The ``.pdparams`` file to write, or a folder for it; beside the source when None.
        labels: A file of class names (see ``labels.read_labels``), or None.
        check: Whether to compare the converted network with the PyTorch weights.
        progress: Whether to show a progress bar; None: for large files in a terminal.

    Returns:
        A ``ConversionResult``.

    Raises:
        WeightsError: The source is not a sound checkpoint of a 3D ResNet, the labels do not fit,
            the check fails, or the output cannot be written. Nothing has been written then.
    """
    # Nothing else in the project needs PyTorch, and importing it takes seconds.
    from weights.torch_files import read_state_dict

    began = time.monotonic()
    source = Path(source)
    output = _output_path(source, output)
    class_names = None if labels is None else read_labels(labels)
    state = read_state_dict(source)
    options = read_options({name: tuple(tensor.shape) for name, tensor in state.items()}, source)
    if "n_classes" not in options:
        raise WeightsError(source, "tensor fc.bias is missing")
    if class_names is not None and len(class_names) != options["n_classes"]:
        raise WeightsError(
            labels, f"{len(class_names)} class names for {options['n_classes']} outputs"
        )
    n_bytes = sum(tensor.nbytes for tensor in state.values())
    with ByteProgress(source.stat().st_size + 2 * n_bytes, progress) as bar, _on_cpu():
        bar.begin("hashing")
        description = NetworkDescription(
            architecture="r3d",
            options=options,
            labels=class_names,
            input=_input_contract(source, options["in_channels"]),
            source={"file": source.name, "sha256": sha256(source, bar), "format": "pytorch"},
        )
        bar.begin("mapping")
        network = description.build()
        arrays, details = _map(state, network, f"R3D-{options['depth']}", source, bar)
        parameters = count_parameters(arrays)
        error = None
        if check:
            bar.begin("checking")
            fill(network, arrays, source)
            error = _relative_error(network, state, options["in_channels"])
            if not error <= LARGEST_ERROR:
                raise WeightsError(
                    source,
                    f"refused: the converted network differs from PyTorch by {error:.1e}, at "
                    f"most {LARGEST_ERROR:.0e} is right; nothing was written",
                )
        # The arrays are the PyTorch tensors' own memory: the network is a second copy.
        del network, state
        bar.begin("writing")
        try:
            save_state(arrays, description, output, bar)
        except OSError as error_writing:
            raise WeightsError(output, error_writing.strerror or str(error_writing)) from None
    return ConversionResult(
        source, output, description, parameters, error, details, time.monotonic() - began
    )


def _output_path(source, output):
    if output is None:
        output = source.with_suffix(".pdparams")
    elif Path(output).is_dir():
        output = Path(output) / f"{source.stem}.pdparams"
    output = Path(output)
    if output.suffix != ".pdparams":
        raise WeightsError(output, "the output must end in .pdparams")
    beside = description_path(output)
    if beside.exists():
        try:
            read_description(output)
        except WeightsError:
            raise WeightsError(
                beside, "is in the way, and no description of weights; choose another --output"
            ) from None
    return output


def _input_contract(source, channels):
    """What the network wants to be fed with. The file does not say: it is a convention."""
    if channels != 3:
        # For other inputs than RGB there is none.
        return InputContract(mean=(0.0,) * channels, std=(1.0,) * channels)
    return FIRST_RELEASE_INPUT if FIRST_RELEASE.match(source.name) else InputContract()


def _map(state, network, what, path, bar):
    """Map every tensor by name: Paddle's name -> float32 array, and a line on each."""
    tensors = network.state_dict()
    torch_names = {name: _torch_name(name) for name in tensors}
    counters = {
        name.replace("running_mean", "num_batches_tracked")
        for name in torch_names.values()
        if name.endswith("running_mean")
    }
    missing = [name for name in torch_names.values() if name not in state]
    unknown = [name for name in state if name not in {*torch_names.values(), *counters}]
    if missing:
        raise WeightsError(path, f"{listed(missing)} missing from this {what}")
    if unknown:
        raise WeightsError(path, f"{listed(unknown)} not part of an {what}")
    arrays, details = {}, []
    for name, torch_name in torch_names.items():
        array, how = _as_array(torch_name, state[torch_name], path)
        if tuple(array.shape) != tuple(tensors[name].shape):
            raise WeightsError(
                path,
                f"{torch_name} has the shape {list(state[torch_name].shape)}, which does not fit "
                f"an {what}",
            )
        arrays[name] = array
        details.append(f"{torch_name} {list(state[torch_name].shape)} -> {name}{how}")
        bar.advance(array.nbytes)
    details += [f"{name} left out: Paddle counts no batches" for name in state if name in counters]
    return arrays, tuple(details)


def _torch_name(paddle_name):
    stem, _, last = paddle_name.rpartition(".")
    torch_last = {ours: theirs for theirs, ours in PADDLE_NAMES.items()}.get(last, last)
    return f"{stem}.{torch_last}"


def _as_array(name, tensor, path):
    if not tensor.is_floating_point():
        raise WeightsError(path, f"{name} is not made of floating-point numbers")
    array = tensor.detach().float().numpy()
    if not np.isfinite(array).all():
        raise WeightsError(path, f"{name} holds numbers that are not finite")
    if name == "fc.weight":
        # PyTorch keeps linear layers as [outputs, inputs], Paddle as [inputs, outputs].
        return np.ascontiguousarray(array.T), ", transposed"
    return array, ""


def _relative_error(network, state, channels):
    from weights import torch_forward

    clips = np.random.default_rng(0).standard_normal((1, channels, *PROOF_SHAPE), np.float32)
    expected = torch_forward.logits(state, clips)
    network.eval()
    with paddle.no_grad():
        logits = network(paddle.to_tensor(clips)).numpy()
    difference = np.linalg.norm(logits - expected)
    return float(difference / max(np.linalg.norm(expected), np.finfo(np.float32).tiny))


@contextmanager
def _on_cpu():
    """Do the arithmetic on the CPU: GPUs may round convolutions to fewer digits than asked for.

    Names and random numbers of the networks built elsewhere stay as they would have been.
    """
    device, random_state = paddle.get_device(), paddle.get_rng_state()
    paddle.set_device("cpu")
    try:
        with paddle.utils.unique_name.guard():
            yield
    finally:
        paddle.set_device(device)
        paddle.set_rng_state(random_state)
