"""Where everything about a run is kept; the layout that resume, evaluate and others rely on."""

import json
from pathlib import Path

from jsonargparse import ArgumentParser

from app.configuration import FitConfig
from app.errors import UserError
from callbacks import checkpoint


class RunFolder:
    """The files of one run.

    Args:
        path: The folder.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.labels = self.path / "labels.json"
        self.metrics = self.path / "metrics.jsonl"
        self.failures = self.path / "failures.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.evaluation = self.path / "evaluation"

    @classmethod
    def choose(cls, path, default_name):
        """The folder of a new run; nothing is made yet.

        Args:
            path: The folder, which must not hold a run yet; None for a new one below runs/.
            default_name: What to call it then.

        Raises:
            UserError: There is a run in the folder already.
        """
        if path is not None:
            folder = cls(path)
            if folder.config.exists():
                raise UserError(
                    f"--run_dir {path}: holds a run already; continue it with --resume, or name "
                    "another folder"
                )
        else:
            names = (f"{default_name}-{n}" if n > 1 else default_name for n in range(1, 10**6))
            folder = next(f for f in (cls(Path("runs") / n) for n in names) if not f.path.exists())
        return folder

    def make(self):
        """Make the folder.

        Raises:
            UserError: It cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--run_dir {self.path}: cannot be made: {error.strerror}") from None

    def read_config(self):
        """The configuration of the run, as a ``FitConfig``."""
        if not self.config.is_file():
            raise UserError(f"{self.path}: not a run folder, there is no config.yaml in it")
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(FitConfig, as_group=False)
        values = parser.instantiate(parser.parse_path(str(self.config)))
        return FitConfig(**{name: values[name] for name in FitConfig.__dataclass_fields__})

    def read_labels(self):
        """Class names in the order of the outputs."""
        return json.loads(self.labels.read_text())

    def find_checkpoint(self, name):
        """The folder of a checkpoint, checked to be complete.

        Args:
            name: ``best``, ``last``, or the name of one.

        Raises:
            UserError: There is none of this name, or it is damaged.
        """
        if name in ("best", "last"):
            found = checkpoint.read_pointer(self.checkpoints / name)
            if found is None:
                raise UserError(f"{self.path}: has no checkpoint yet")
            name = found
        folder = self.checkpoints / name
        if not folder.is_dir():
            there_are = ", ".join(checkpoint.newest_first(self.checkpoints)) or "none"
            raise UserError(f"{self.path}: no checkpoint {name!r}; there are: {there_are}")
        try:
            checkpoint.check(folder)
        except checkpoint.CheckpointError as error:
            raise UserError(str(error)) from None
        return folder


def config_text(config):
    """A configuration as the YAML that ``--config`` reads."""
    parser = ArgumentParser()
    parser.add_class_arguments(type(config), as_group=False)
    return parser.dump(_as_plain(config), skip_unset=False)


def _as_plain(value):
    if hasattr(value, "__dataclass_fields__"):
        return {name: _as_plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value
