"""The checkpoints of a run: how they are written, which there are, and which of them are kept.

checkpoints/epoch-0007/      after an epoch
checkpoints/step-00000500/   within one
checkpoints/last, best       text files that name one each

What is in one of these folders is said in `weights.checkpoint_folder` and
`app.training.training_state`.
"""

import shutil
from pathlib import Path

from app.errors import UserError
from weights.checkpoint_folder import (
    MANIFEST,
    WEIGHTS,
    check,
    read_manifest,
    read_pointer,
    write_manifest,
)
from weights.durable import write_atomically, written_aside
from weights.errors import WeightsError

__all__ = ["WEIGHTS", "Checkpoints", "find", "newest_first", "newest_whole"]


class Checkpoints:
    """Writes checkpoints that are complete or absent, and removes those that nobody needs.

    Kept are the newest, the best, and the newest one of a training that was still sound.

    Args:
        folder: Where they are.
        write: Called with an empty folder, fills it with the state of the run. Returns what the
            manifest shall say of it by name: `position`, the epoch, batch and step, and, where
            that is known, `sound`, whether loss and weights were those of a sane training.
        keep: How many of the newest are kept.
    """

    def __init__(self, folder, write, keep=2):
        self.folder = Path(folder)
        self.write = write
        self.keep = keep

    def has(self, name):
        """Whether there is a checkpoint of this name."""
        return (self.folder / name / MANIFEST).exists()

    def save(self, name, is_best):
        """Write a checkpoint, which becomes the last one.

        Args:
            name: Its name.
            is_best: Whether it becomes the best one as well.
        """
        with written_aside(self.folder / name, seal=MANIFEST) as aside:
            write_manifest(aside, **self.write(aside))
        for pointer in ["last", "best"] if is_best else ["last"]:
            text = f"{name}\n".encode()
            write_atomically(self.folder / pointer, lambda file, text=text: file.write(text))
        self._remove_old()

    def _remove_old(self):
        names = newest_first(self.folder)
        kept = set(names[: self.keep])
        sound = [name for name in names if _facts(self.folder / name).get("sound", True)]
        if not kept & set(sound):
            kept.update(sound[:1])
        kept.add(_pointed(self.folder / "best"))
        for name in names:
            if name not in kept:
                shutil.rmtree(self.folder / name)


def newest_first(folder):
    """Names of the checkpoints in a folder, the one that came farthest first."""
    found = []
    for path in Path(folder).glob("[!.]*/"):
        if path.is_dir():
            position = _facts(path).get("position")
            # Damaged beyond knowing its place: last, where a resume still finds and reports it.
            is_known = isinstance(position, list) and len(position) == 3
            found.append((position if is_known else [-1, 0, 0], path.name))
    return [name for _, name in sorted(found, reverse=True)]


def newest_whole(folder, report):
    """The checkpoint to go on from.

    Args:
        folder: Where the checkpoints are.
        report: Called with a line for each damaged checkpoint that is passed over.

    Returns:
        Path of the checkpoint, or None where there never was one.

    Raises:
        UserError: There are checkpoints, and all of them are damaged.
    """
    errors = []
    names = newest_first(folder)
    # Those of unknown place stand last, and may be the newest.
    for name in sorted(names, key=lambda name: bool(_facts(Path(folder) / name))):
        path = Path(folder) / name
        try:
            check(path)
        except WeightsError as error:
            errors.append(error)
        else:
            for error in errors:
                report(f"damaged checkpoint, the one before is used: {error}")
            return path
    if errors:
        raise UserError(
            f"no checkpoint is whole, nothing was changed: {'; '.join(map(str, errors))}. Put back "
            "a copy of one if you have it; else begin anew in another --run_dir"
        )
    return None


def find(folder, name):
    """A checkpoint, checked to be whole.

    Args:
        folder: Where the checkpoints are.
        name: `best`, `last`, or the name of one.

    Returns:
        Its path.

    Raises:
        UserError: There is none of this name.
        WeightsError: It is damaged.
    """
    folder = Path(folder)
    run = folder.parent
    if name in ("best", "last"):
        name = read_pointer(folder / name)
        if name is None:
            raise UserError(f"{run}: has no checkpoint yet")
    names = newest_first(folder)
    if name not in names:
        raise UserError(f"{run}: no checkpoint {name!r}; there are: {', '.join(names) or 'none'}")
    check(folder / name)
    return folder / name


def _facts(path):
    try:
        return read_manifest(path)
    except WeightsError:
        return {}


def _pointed(path):
    try:
        return read_pointer(path)
    except WeightsError:
        # Somebody has removed what it names; that does not end a run.
        return None
