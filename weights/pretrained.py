"""From what a user names as pretrained weights to a file and its description."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from weights.checkpoint_folder import find_weights
from weights.description import NetworkDescription
from weights.durable import sha256
from weights.errors import WeightsError
from weights.files import description_path, read_description
from weights.inflation import describe_2d, imagenet_file, is_2d
from weights.published import PUBLISHED, RELEASES
from weights.safe_reading import read_pdparams
from weights.structure import recognise


@dataclass(frozen=True)
class Source:
    """Pretrained weights that are at hand.

    Args:
        name: What the user called them.
        path: The ``.pdparams`` file.
        description: The network they belong to. ``n_classes`` is missing from its options when
            the file has no head, or one that is never used (a 2D network's).
        inflate: Whether the file is that of a 2D network.
        notes: Lines for the user: what was converted, what had to be assumed.
    """

    name: str
    path: Path
    description: NetworkDescription
    inflate: bool = False
    notes: tuple[str, ...] = ()


def resolve(pretrained, folder="weights", depth=None, architecture="r3d", progress=None):
    """Find pretrained weights, converting or downloading them where that is needed.

    Args:
        pretrained: A name of ``published.PUBLISHED``, a ``.pth`` or ``.pdparams`` file, a run
            folder, a folder of a checkpoint, or ``"imagenet"``.
        folder: Where published files lie.
        depth: Depth of the 2D network to take for ``"imagenet"``, the family's default where it is
            None; otherwise not looked at.
        architecture: Family to inflate it to; otherwise not looked at.
        progress: Whether a conversion shows a progress bar; None: when it takes long.

    Returns:
        A ``Source``.

    Raises:
        WeightsError: There are no such weights, or they cannot be used.
    """
    path = Path(pretrained)
    if str(pretrained) == "imagenet":
        return _two_dimensional("imagenet", imagenet_file(depth, architecture))
    if str(pretrained) in PUBLISHED:
        return _published(str(pretrained), Path(folder), progress)
    if path.is_dir():
        return _described(str(pretrained), find_weights(path))
    if not path.exists():
        raise WeightsError(pretrained, _what_there_is(str(pretrained)))
    if path.suffix == ".pdparams":
        if description_path(path).exists():
            return _described(str(pretrained), path)
        return _undescribed(str(pretrained), path)
    return _pytorch(str(pretrained), path, progress)


def _what_there_is(pretrained):
    if "/" in pretrained or Path(pretrained).suffix in (".pth", ".pdparams"):
        return "no such file or folder"
    close = difflib.get_close_matches(pretrained, PUBLISHED, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return (
        "neither a file, a run folder, 'imagenet' nor one of the published names "
        f"(python -m app weights lists them){hint}"
    )


def _published(name, folder, progress):
    downloaded = folder / PUBLISHED[name].file
    converted = downloaded.with_suffix(".pdparams")
    if converted.exists() and description_path(converted).exists():
        return _described(name, converted)
    if downloaded.exists():
        return _pytorch(name, downloaded, progress)
    raise WeightsError(
        name,
        f"{downloaded} is not there; download it by hand from "
        f"{PUBLISHED[name].address} (python -m app weights says how), or start from 'imagenet'",
    )


def _pytorch(name, path, progress):
    from weights.conversion import convert

    converted = path.with_suffix(".pdparams")
    if converted.exists() and description_path(converted).exists():
        source = read_description(converted).source or {}
        if source.get("sha256") == sha256(path):
            return _described(name, converted)
    result = convert(path, progress=progress)
    return Source(name, result.output, result.description, notes=(result.summary,))


def _described(name, path):
    if not path.exists():
        raise WeightsError(path, "no such file")
    return Source(name, path, read_description(path))


def _undescribed(name, path):
    state = read_pdparams(path)
    if is_2d(state):
        return _two_dimensional(name, path)
    shapes = {key: getattr(array, "shape", ()) for key, array in state.items()}
    structure = recognise(shapes, path)
    contract = RELEASES[structure.release].input
    description = NetworkDescription(
        structure.architecture, structure.options, None, contract, {"file": path.name}
    )
    note = (
        f"{path}: no {description_path(path).name} beside it; taken to want values "
        f"0-{contract.value_range:g} with mean {list(contract.mean)} and std {list(contract.std)}"
    )
    return Source(name, path, description, notes=(note,))


def _two_dimensional(name, path):
    return Source(name, path, describe_2d(read_pdparams(path), path), inflate=True)
