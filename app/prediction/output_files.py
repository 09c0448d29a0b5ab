"""Where the files go that `predict` writes, checked before anything is computed."""

import os
from pathlib import Path

from app.errors import UserError
from app.prediction.video_copy import CONTAINERS
from app.prediction.video_sources import file_name

# The options that name one video to write, or a folder of them.
COPIES = ("annotate", "explain")


class OutputFiles:
    """The paths of what this command writes, each given out once.

    Args:
        config: `app.configuration.PredictConfig`.
        sources: All `VideoSource`.

    Attributes:
        written: Paths of the files that are there, in the order in which they came.

    Raises:
        UserError: A file could not be written, or not under that name.
    """

    def __init__(self, config, sources):
        self._config = config
        self._given = set()
        self.written = []
        folders = {}
        for option in COPIES:
            value = getattr(config, option)
            if value:
                single = _is_one_file(option, value)
                if single and len(sources) > 1:
                    raise UserError(
                        f"--{option} {value}: is one file for {len(sources)} videos; name a folder"
                    )
                folders[f"--{option}"] = Path(value).parent if single else Path(value)
                _check_name(f"--{option}", value)
        if config.timeline and config.output:
            folders["--output"] = Path(config.output)
        if config.features:
            path = Path(config.features)
            if os.path.isdir(path) or path.suffix.lower() != ".npz":
                raise UserError(
                    f"--features {path}: is written in NumPy's format; name a file ending in .npz"
                )
            folders["--features"] = path.parent
            _check_name("--features", path)
        for option, folder in folders.items():
            _make(option, folder)

    def timeline(self, source):
        """Where the picture of a timeline goes."""
        return self._unused(Path(self._config.output or "."), source, ".timeline.png")

    def copy(self, source, option):
        """Where a copy of a video goes.

        Args:
            source: `VideoSource`.
            option: The option that asks for it, one of `COPIES`.

        Raises:
            UserError: It would take the place of the video itself.
        """
        value = Path(getattr(self._config, option))
        path = value
        if not _is_one_file(option, value):
            path = self._unused(value, source, ".mp4")
        if path.exists() and os.path.exists(source.name) and path.samefile(source.name):
            raise UserError(f"--{option} {path}: is the video itself; name another file")
        return path

    def _unused(self, folder, source, ending):
        number = 1
        while (path := folder / file_name(source, ending)) in self._given:
            number += 1
            ending = f"-{number}.{ending.split('.', 1)[1]}"
        self._given.add(path)
        return path


def _is_one_file(option, value):
    """Whether a value names a file to write; otherwise it names a folder."""
    path = Path(value)
    if os.path.isdir(path) or str(value).endswith("/") or not path.suffix:
        return False
    if path.suffix.lower() not in CONTAINERS:
        raise UserError(
            f"--{option} {value}: files can be written as {', '.join(CONTAINERS)}; end the name "
            "of a folder with /"
        )
    return True


def _check_name(option, path):
    """Find out before the work that a name is too long, say, for the file system."""
    try:
        os.stat(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(f"{option} {path}: cannot be written: {error.strerror}") from None


def _make(option, folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{option} {folder}: cannot be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"{option}: {folder} cannot be written to")
