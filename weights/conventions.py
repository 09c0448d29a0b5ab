"""What a file does not say and is taken from convention: its input, its classes, its epsilon."""

from dataclasses import dataclass
from pathlib import Path

from weights import published
from weights.description import InputContract
from weights.labels import read_labels

CLASS_NAMES = Path(__file__).parent / "class_names"


@dataclass(frozen=True)
class Conventions:
    """What was taken from convention.

    Args:
        input: What the network wants to be fed with.
        labels: Class names in the order of the outputs, or None when nobody knows them.
        words: All of it in words.
    """

    input: InputContract
    labels: tuple[str, ...] | None
    words: tuple[str, ...]


def conventions(structure, names, path, bn_epsilon=None):
    """Find what holds for files like this one.

    Args:
        structure: Its `Structure`.
        names: The names of its tensors.
        path: The file: its name counts where it is that of a published one.
        bn_epsilon: The epsilon of BatchNorm where it is known, or None.

    Returns:
        `Conventions`.
    """
    options = structure.options
    entry = published.find(path)
    if entry is not None and entry.architecture != structure.architecture:
        entry = None
    if entry is not None:
        release, why = entry.release, f"of {entry.name}"
    else:
        release = _release(structure, names)
        why = f"of {published.RELEASES[release].title}"
    contract = published.RELEASES[release].input if entry is None else entry.input
    if options["in_channels"] != 3:
        # For other inputs than RGB there is none.
        channels = options["in_channels"]
        contract = InputContract(mean=(0.0,) * channels, std=(1.0,) * channels)
        why = f"for {channels} channels"
    labels, words = _labels(options.get("n_classes"), release, entry)
    words = [*_in_words(contract, why), *words]
    if "conv1_t_stride" in options:
        words += ["first convolution with time step 1", "max-pool"]
    if bn_epsilon is None:
        words.append(f"BatchNorm epsilon {options.get('bn_epsilon', 1e-5):g}")
    return Conventions(contract, labels, tuple(words))


def _release(structure, names):
    counted = any(name.endswith(".num_batches_tracked") for name in names)
    if structure.release == "2020" and structure.architecture != "r2p1d" and not counted:
        # PyTorch had no such counters when the files of 2017 were written; R(2+1)D came later.
        return "2017"
    return structure.release


def _labels(n_classes, release, entry):
    if entry is None:
        known = "kinetics400" if n_classes == 400 and release != "2020" else None
    else:
        known = entry.class_names
    if known is None:
        return None, []
    labels = read_labels(CLASS_NAMES / f"{known}.txt")
    if len(labels) != n_classes:
        return None, []
    # torchvision lists them with the files, and the authors of 2017 in a repository beside them.
    listed = entry is not None and known == "kinetics400" and release in ("2017", "torchvision")
    sure = "" if listed else ", an assumption"
    return labels, [f"names and order of the {n_classes} classes as in {known}.txt{sure}"]


def _in_words(contract, why):
    words = [
        f"input {why}: values 0-{contract.value_range:g}",
        f"mean {list(contract.mean)}",
        f"std {list(contract.std)}",
        f"{contract.frames} frames of {contract.size}x{contract.size}",
    ]
    if contract.resize is not None:
        height, width = contract.resize
        words.append(f"frames brought to {height}x{width} before the crop")
    return words
