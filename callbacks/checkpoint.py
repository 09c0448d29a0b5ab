"""Keeps the state of a run in checkpoints that are complete or absent, never half."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import paddle

MANIFEST = "manifest.json"


class CheckpointError(Exception):
    """A checkpoint that cannot be used; the message names it and says why."""


class Checkpoint(paddle.callbacks.Callback):
    """Saves after validation, optionally also within an epoch, and keeps the newest and the best.

    A checkpoint is a folder that is written under another name, flushed to the disk and renamed.
    The small text files `last` and `best` name one each. Stands last in the list of callbacks, so
    that it saves what the others have become.

    Args:
        folder: Where the checkpoints are.
        write: Called with an empty folder, fills it with the state of the run.
        every_epochs: Save after every so many epochs.
        last_epoch: Number of epochs of the whole run; the last one is always saved.
        every_steps: Save also after every so many optimizer updates; 0 never.
        keep: How many of the newest checkpoints to keep besides the best.
        monitor: Name of the logged value that makes a checkpoint the best; the lowest of a loss,
            the highest of anything else.

    Example:
        checkpoint = Checkpoint("run/checkpoints", write=state.write, last_epoch=200)
        model.fit(..., callbacks=[schedule, checkpoint])
    """

    def __init__(
        self,
        folder,
        write,
        last_epoch,
        every_epochs=1,
        every_steps=0,
        keep=2,
        monitor="val_video_top1",
    ):
        super().__init__()
        self.folder = Path(folder)
        self.write = write
        self.last_epoch = last_epoch
        self.every_epochs = every_epochs
        self.every_steps = every_steps
        self.keep = keep
        self.monitor = monitor
        self.best_value = None
        self._saved_step = None

    def on_train_begin(self, logs=None):
        self._saved_step = self.model.position.step

    def on_train_batch_end(self, step, logs=None):
        step = self.model.position.step
        # The batches of an accumulation share a step: one save, right behind the update.
        if self.every_steps and step % self.every_steps == 0 and step != self._saved_step:
            self.save_now()

    def on_eval_end(self, logs=None):
        value = logs[self.monitor]
        is_best = self.best_value is None or (
            value < self.best_value if self.monitor.endswith("loss") else value > self.best_value
        )
        if is_best:
            self.best_value = value
        epoch = self.model.position.epoch
        due = epoch % self.every_epochs == 0 or epoch == self.last_epoch
        if due or is_best or self.model.stop_training:
            self._save(f"epoch-{epoch:04d}", is_best)

    def save_now(self):
        """Save between two optimizer updates; gradients under way are not part of a checkpoint."""
        position = self.model.position
        if position.batch == 0:
            # The epoch's own checkpoint holds all this, if one was due.
            name = f"epoch-{position.epoch:04d}"
            if position.epoch == 0 or (self.folder / name).exists():
                return
        else:
            name = f"step-{position.step:08d}"
        self._save(name, is_best=False)

    def state_dict(self):
        return {"best_value": self.best_value}

    def set_state_dict(self, state):
        self.best_value = state["best_value"]

    def _save(self, name, is_best):
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f".{name}.partial"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        self.write(aside)
        position = self.model.position
        _write_manifest(aside, (position.epoch, position.batch, position.step))
        final = self.folder / name
        if final.exists():
            # Left by a run that was resumed from an earlier checkpoint.
            shutil.rmtree(final)
        aside.rename(final)
        _sync(self.folder)
        self._saved_step = self.model.position.step
        _write_pointer(self.folder / "last", name)
        if is_best:
            _write_pointer(self.folder / "best", name)
        self._rotate()

    def _rotate(self):
        spared = set(newest_first(self.folder)[: self.keep])
        spared.add(read_pointer(self.folder / "best"))
        for name in newest_first(self.folder):
            if name not in spared:
                shutil.rmtree(self.folder / name)


def newest_first(folder):
    """Names of the checkpoints in a folder, the one that came farthest first."""
    found = []
    for path in Path(folder).glob("[!.]*/" + MANIFEST):
        try:
            found.append((json.loads(path.read_text())["position"], path.parent.name))
        except (OSError, ValueError, TypeError, KeyError):
            # Damaged beyond knowing its place: last, where a resume still finds and reports it.
            found.append(([-1, 0, 0], path.parent.name))
    return [name for _, name in sorted(found, reverse=True)]


def read_pointer(path):
    """The checkpoint that `last` or `best` names, or None."""
    path = Path(path)
    return path.read_text().strip() if path.is_file() else None


def check(folder):
    """Make sure that a checkpoint holds what was saved.

    Args:
        folder: The checkpoint.

    Raises:
        CheckpointError: A file is missing, shorter or longer, or has other content.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        for name, (size, digest) in manifest["files"].items():
            path = folder / name
            if path.stat().st_size != size:
                raise CheckpointError(f"{path}: {path.stat().st_size} bytes instead of {size}")
            if _digest(path) != digest:
                raise CheckpointError(f"{path}: its content has changed since it was saved")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{folder}: not a complete checkpoint ({error})") from None


def _write_manifest(folder, position):
    files = sorted(path for path in folder.iterdir() if path.is_file())
    manifest = {
        "position": position,
        "files": {path.name: (path.stat().st_size, _digest(path)) for path in files},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    for path in (*files, folder / MANIFEST, folder):
        _sync(path)


def _write_pointer(path, name):
    aside = path.with_name(f".{path.name}.partial")
    aside.write_text(name + "\n")
    _sync(aside)
    aside.replace(path)
    _sync(path.parent)


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
