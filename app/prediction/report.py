"""The result of `python -m app predict`."""

import json
from dataclasses import dataclass

from app.configuration import PredictConfig
from app.prediction.formats import as_dict
from app.prediction.prediction import Prediction
from datasets.shown import counted, shown


@dataclass(frozen=True)
class PredictionReport:
    """What was predicted; all formats but JSON were printed while it ran.

    Args:
        config: The options.
        predictions: `Prediction` of each video that could be read.
        failed: Name -> reason of the sources and pictures that came to nothing.
        engine: Name of the engine.
        files: Files that were written.
        signal_number: The signal that ended it early, or None.
    """

    config: PredictConfig
    predictions: list[Prediction]
    failed: dict[str, str]
    engine: str
    files: list[str]
    signal_number: int | None = None

    @property
    def exit_code(self):
        """0, 1 when some videos failed, 2 when all did, 128 + the signal that ended it."""
        return _exit_code(len(self.predictions), self)

    def __str__(self):
        if self.config.format != "json":
            return ""
        return json.dumps(self.as_json(), indent=2, ensure_ascii=False)

    def as_json(self):
        """The report as plain lists and dicts."""
        failed = [{"source": name, "reason": reason} for name, reason in self.failed.items()]
        return {
            "engine": self.engine,
            "results": [as_dict(prediction, self.config) for prediction in self.predictions],
            "failed": failed,
            "files": self.files,
        }


@dataclass(frozen=True)
class FeatureReport:
    """What became of `--features`.

    Args:
        path: The file written; None when no video could be read.
        videos: Number of videos in it.
        failed: Name -> reason of those that could not be read.
        engine: Name of the engine.
        signal_number: The signal that ended it early, or None.
    """

    path: str | None
    videos: int
    failed: dict[str, str]
    engine: str
    signal_number: int | None = None

    @property
    def exit_code(self):
        """0, 1 when some videos failed, 2 when all did, 128 + the signal that ended it."""
        return _exit_code(self.videos, self)

    def __str__(self):
        if not self.path:
            return ""
        return f"written: {shown(self.path)} (features of {counted(self.videos, 'video')})"


def _exit_code(n_done, report):
    if report.signal_number is not None:
        return 128 + report.signal_number
    return 0 if not report.failed else 1 if n_done else 2
