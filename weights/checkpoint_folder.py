"""What is needed to trust a checkpoint: which one a run points to, and whether it is whole.

CHECKPOINT/model.pdparams   the network, with model.json: a weight file
CHECKPOINT/...              what training keeps beside it
CHECKPOINT/manifest.json    size and SHA-256 of each file, written last
"""

import json
from pathlib import Path

from weights.durable import sha256
from weights.errors import WeightsError

WEIGHTS = "model.pdparams"
MANIFEST = "manifest.json"
# What a manifest that is no manifest makes of being read as one.
_NO_MANIFEST = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def write_manifest(folder, **facts):
    """Write down what is in a folder, as the last step of filling it.

    Args:
        folder: The folder.
        facts: What else a reader should know without opening the files; plain values for JSON.
    """
    files = sorted(path for path in Path(folder).iterdir() if path.is_file())
    listed = {path.name: (path.stat().st_size, sha256(path)) for path in files}
    text = json.dumps({**facts, "files": listed}, indent=2) + "\n"
    (Path(folder) / MANIFEST).write_text(text, encoding="utf-8")


def read_manifest(folder):
    """The manifest of a checkpoint.

    Returns:
        Its facts by name; `files` maps a name to size and SHA-256.

    Raises:
        WeightsError: There is none, or it cannot be read.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        for size, digest in manifest["files"].values():
            if not isinstance(size, int) or not isinstance(digest, str):
                raise ValueError("sizes and digests are expected")
    except OSError as error:
        reason = f"not a complete checkpoint ({MANIFEST}: {error.strerror})"
        raise WeightsError(folder, reason) from None
    except _NO_MANIFEST as error:
        raise WeightsError(folder, f"not a complete checkpoint ({MANIFEST}: {error})") from None
    return manifest


def check(folder):
    """Make sure that a checkpoint holds what was saved.

    Args:
        folder: The checkpoint.

    Raises:
        WeightsError: A file is missing, shorter or longer, or has other content.
    """
    folder = Path(folder)
    for name, (size, digest) in read_manifest(folder)["files"].items():
        path = folder / name
        try:
            found = path.stat().st_size
            if found != size:
                raise WeightsError(path, f"{found} bytes instead of {size}")
            if sha256(path) != digest:
                raise WeightsError(path, "its content has changed since it was saved")
        except OSError as error:
            reason = f"not a complete checkpoint ({name}: {error.strerror})"
            raise WeightsError(folder, reason) from None


def digest(path):
    """SHA-256 of a weight file; that of a checkpoint's file stands in its manifest."""
    path = Path(path)
    if (path.parent / MANIFEST).is_file():
        files = read_manifest(path.parent)["files"]
        if path.name in files:
            return files[path.name][1]
    return sha256(path)


def read_pointer(path):
    """The checkpoint that `best` or `last` names, or None where there is no such file.

    Raises:
        WeightsError: The file names no folder beside it.
    """
    path = Path(path)
    if not path.is_file():
        return None
    try:
        name = path.read_text(encoding="utf-8").strip()
        is_checkpoint = Path(name).name == name and (path.parent / name).is_dir()
    except (OSError, ValueError) as error:
        raise WeightsError(path, f"cannot be read ({error})") from None
    if not name or not is_checkpoint:
        raise WeightsError(path, f"names {name!r}, which is no checkpoint here")
    return name


def find_weights(folder):
    """The weights of a run's best checkpoint, or else its last, or of a checkpoint itself.

    Args:
        folder: A run, or a checkpoint.

    Returns:
        Path of the `.pdparams` file, checked where it has a manifest beside it.

    Raises:
        WeightsError: There is none, or it is damaged.
    """
    folder = Path(folder)
    if not (folder / WEIGHTS).exists():
        pointers = [folder / "checkpoints" / name for name in ("best", "last")]
        names = (read_pointer(pointer) for pointer in pointers)
        name = next((name for name in names if name is not None), None)
        if name is None:
            raise WeightsError(
                folder, "no run with a checkpoint: checkpoints/best and last are missing"
            )
        folder = folder / "checkpoints" / name
    if (folder / MANIFEST).exists():
        check(folder)
    return folder / WEIGHTS
