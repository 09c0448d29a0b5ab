"""Where everything about a run is kept; the layout that resume, evaluate and others rely on."""

import contextlib
import json
from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser

from app import checkpoints
from app.configuration import FitConfig
from app.errors import UserError
from app.options import check_file, options_of
from weights import durable


class RunFolder:
    """The files of one run.

    Args:
        path: The folder.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.labels = self.path / "labels.json"
        self.videos = self.path / "videos.npz"
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
            folder.check_free()
            return folder
        names = (f"{default_name}-{n}" if n > 1 else default_name for n in range(1, 10**6))
        return next(f for f in (cls(Path("runs") / n) for n in names) if not f.path.exists())

    def check_free(self):
        """Make sure that there is no run in the folder.

        Raises:
            UserError: There is one.
        """
        if self.config.exists():
            raise UserError(
                f"--run_dir {self.path}: holds a run already; continue it with --resume, or name "
                "another folder"
            )

    @contextlib.contextmanager
    def locked(self):
        """Make the folder where there is none, and keep every other training out of it.

        Raises:
            UserError: Another process trains this run, or the folder cannot be written.
        """
        with contextlib.ExitStack() as held:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                held.enter_context(durable.locked(self.path / ".lock"))
            except BlockingIOError:
                raise UserError(
                    f"{self.path}: another process is training this run; wait for its end, or stop "
                    "it (it saves first)"
                ) from None
            except OSError as error:
                raise UserError(
                    f"--run_dir {self.path}: cannot be written: {error.strerror}"
                ) from None
            for folder in (self.path, self.checkpoints):
                durable.remove_unfinished(folder)
            yield

    def write_config(self, text):
        """Keep a configuration, as `config_text` makes it; one that is the same stays untouched."""
        content = text.encode()
        if not self.config.exists() or self.config.read_bytes() != content:
            durable.write_atomically(self.config, lambda file: file.write(content))

    def write_labels(self, labels):
        """Keep the class names in the order of the outputs."""
        text = json.dumps(labels, ensure_ascii=False, indent=0) + "\n"
        durable.write_atomically(self.labels, lambda file: file.write(text.encode()))

    def append_metrics(self, record):
        """Keep the record of an epoch: name -> number."""
        durable.append_whole(self.metrics, (json.dumps(record) + "\n").encode())

    def drop_metrics_after(self, epoch):
        """Cut the records of epochs that a resumed run will train again.

        Args:
            epoch: Number of finished epochs of the checkpoint it resumes from.
        """
        if not self.metrics.exists():
            return
        lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = "".join(line for line in lines if _epoch(line) <= epoch).encode()
        if kept != self.metrics.read_bytes():
            durable.write_atomically(self.metrics, lambda file: file.write(kept))

    def read_config(self):
        """The configuration of the run, as a `FitConfig`."""
        if not self.config.is_file():
            raise UserError(f"{self.path}: not a run folder, there is no config.yaml in it")
        check_file(self.config, options_of(FitConfig))
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(FitConfig, as_group=False)
        try:
            values = parser.instantiate(parser.parse_path(str(self.config)))
        # What jsonargparse says to values that are none, one of its own errors among them.
        except (ValueError, TypeError, AttributeError, ArgumentError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{self.config}: not the options of a run: {reason:.200}") from None
        return FitConfig(**{name: values[name] for name in FitConfig.__dataclass_fields__})

    def read_labels(self):
        """Class names in the order of the outputs."""
        return json.loads(self.labels.read_text(encoding="utf-8"))

    def find_checkpoint(self, name):
        """As `app.checkpoints.find`."""
        return checkpoints.find(self.checkpoints, name)


def config_text(config):
    """A configuration as the YAML that `--config` reads."""
    parser = ArgumentParser()
    parser.add_class_arguments(type(config), as_group=False)
    return parser.dump(_as_plain(config), skip_unset=False)


def _as_plain(value):
    if hasattr(value, "__dataclass_fields__"):
        return {name: _as_plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def _epoch(line):
    """The epoch of a record; infinity for half a line, from a moment of sudden death."""
    try:
        return json.loads(line)["epoch"]
    except (ValueError, TypeError, KeyError):
        return float("inf")
