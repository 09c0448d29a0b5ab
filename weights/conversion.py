"""Converts a PyTorch checkpoint of any family to Paddle, by name, and proves the result.

    python -m app convert r3d50_KM_200ep.pth

Everything is read from the tensors; every tensor on either side is accounted for; the converted
network and the PyTorch weights are run on one input and must agree before anything is written.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import models
from weights.conventions import conventions
from weights.description import NetworkDescription
from weights.durable import sha256
from weights.errors import WeightsError
from weights.files import (
    count_parameters,
    description_path,
    fill,
    read_description,
    save_state,
)
from weights.labels import read_labels
from weights.progress import ByteProgress
from weights.proof import LARGEST_ERROR, on_cpu, relative_error
from weights.published import digits_of_sha256
from weights.structure import recognise
from weights.tensor_mapping import map_tensors


@dataclass(frozen=True)
class ConversionResult:
    """What `convert` did.

    Args:
        source: The PyTorch file.
        output: The `.pdparams` file; the JSON lies beside it.
        description: The `NetworkDescription` in that JSON.
        parameters: Number of trained parameters.
        error: Relative error against PyTorch, or None when it was not checked.
        details: One line per tensor of the source: what became of it.
        conventions: What the tensors do not tell and was taken from convention, in words.
        seconds: How long it took.
    """

    source: Path
    output: Path
    description: NetworkDescription
    parameters: int
    error: float | None
    details: tuple[str, ...]
    conventions: tuple[str, ...]
    seconds: float

    @property
    def summary(self):
        """The result in one line."""
        options = self.description.options
        check = (
            "not checked"
            if self.error is None
            else f"checked against PyTorch, relative error {self.error:.1e}"
        )
        parts = [_title(self.description)]
        if options["n_classes"]:
            labels = "with" if self.description.labels else "without"
            parts.append(f"{options['n_classes']} classes {labels} names")
        else:
            parts.append("no head, the classes come with fine-tuning")
        if "shortcut" in options:
            parts.append(f"shortcut {options['shortcut']}")
        parts.append(f"{self.parameters / 1e6:.1f} M parameters; {check}")
        return f"{self.source} -> {self.output}: {', '.join(parts)}"

    @property
    def assumptions(self):
        """What the tensors do not tell and was taken from convention, in one line."""
        return f"taken from convention: {', '.join(self.conventions)}"


def convert(
    source,
    output=None,
    labels=None,
    check=True,
    progress=None,
    architecture=None,
    bn_epsilon=None,
):
    """Convert a PyTorch checkpoint.

    Args:
        source: The `.pth` file, in any of the forms of `torch_files.read_state_dict`.
        output: The `.pdparams` file to write, or a folder for it; beside the source when None.
        labels: A file of class names (see `labels.read_labels`), or None.
        check: Whether to compare the converted network with the PyTorch weights.
        progress: Whether to show a progress bar; None: for large files in a terminal.
        architecture: The family that the file must be of; None for whichever it is.
        bn_epsilon: Epsilon of BatchNorm, for the families that have that option; None for what
            published files of this kind have.

    Returns:
        A `ConversionResult`.

    Raises:
        WeightsError: The source is damaged, or not a sound checkpoint of one of the families; the
            labels do not fit; the check fails; or the output cannot be written. Nothing has been
            written then.
    """
    # Nothing else in the project needs PyTorch, and importing it takes seconds.
    from weights.torch_files import read_state_dict

    began = time.monotonic()
    source = Path(source)
    output = _output_path(source, output)
    class_names = None if labels is None else read_labels(labels)
    with ByteProgress(3 * _size(source), progress) as bar, on_cpu():
        bar.begin("hashing")
        digest = _checked_digest(source, bar)
        state = read_state_dict(source)
        shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
        structure = recognise(shapes, source, architecture)
        found = conventions(structure, state, source, bn_epsilon)
        options = {"n_classes": 0, **structure.options}
        if bn_epsilon is not None:
            options["bn_epsilon"] = bn_epsilon
        if class_names is not None and len(class_names) != options["n_classes"]:
            raise WeightsError(
                labels, f"{len(class_names)} class names for {options['n_classes']} outputs"
            )
        description = NetworkDescription(
            architecture=structure.architecture,
            options=options,
            labels=class_names or found.labels,
            input=found.input,
            source={"file": source.name, "sha256": digest, "format": "pytorch"},
        )
        bar.begin("mapping")
        try:
            network = description.build()
        except ValueError as error:
            raise WeightsError(source, str(error)) from None
        arrays, details = map_tensors(state, network, structure, _title(description), source, bar)
        parameters = count_parameters(arrays)
        error = None
        if check:
            bar.begin("checking")
            fill(network, arrays, source)
            error = relative_error(network, state, options["in_channels"], bn_epsilon)
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
        source,
        output,
        description,
        parameters,
        error,
        details,
        found.words,
        time.monotonic() - began,
    )


def _size(path):
    try:
        return path.stat().st_size
    except OSError as error:
        raise WeightsError(path, error.strerror or str(error)) from None


def _checked_digest(path, bar):
    """The SHA-256 of a file; an error where it is not the one that the file's name ends in."""
    try:
        digest = sha256(path, bar)
    except OSError as error:
        raise WeightsError(path, error.strerror or str(error)) from None
    expected = digits_of_sha256(path)
    if expected is not None and not digest.startswith(expected):
        raise WeightsError(
            path,
            f"damaged: its SHA-256 begins with {digest[:8]}, and by its name with {expected}; it "
            "was not opened, download it again",
        )
    return digest


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


def _title(description):
    return f"{models.family(description.architecture).title}-{description.options['depth']}"
