"""What a run folder tells about its run, as plain values."""

import json
from dataclasses import dataclass
from pathlib import Path

from app.changed_options import changed_options, flat_options
from app.errors import UserError
from app.evaluation.video_table import VideoRow, read_table
from app.run_folder import RunFolder


@dataclass(frozen=True)
class EvaluationRecord:
    """One evaluation kept in a run folder.

    Args:
        name: What its files begin with, such as `val` or `val-windows16`.
        report: Its numbers, as `python -m app evaluate` writes them.
        videos: `VideoRow` of each video; empty where an older version left none.
    """

    name: str
    report: dict
    videos: list[VideoRow]


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Args:
        name: Its folder's name.
        folder: Its folder.
        options: Every option by its name on the command line, such as `optim.lr`.
        changed: Those of them that somebody chose.
        epochs: Record of each finished epoch, as metrics.jsonl has them.
        labels: Class names.
        network: Name of the architecture and what its weights came from.
        failures: Path -> reason of the videos that could not be read.
        evaluations: List of `EvaluationRecord`, by name.
    """

    name: str
    folder: Path
    options: dict
    changed: dict
    epochs: list[dict]
    labels: list[str]
    network: str
    failures: dict[str, str]
    evaluations: list[EvaluationRecord]

    @property
    def monitored(self):
        """The value that makes an epoch the best one."""
        return self.options["checkpoint.monitor"]

    @property
    def best(self):
        """Record of the best epoch; None where none is finished."""
        rated = [record for record in self.epochs if record.get(self.monitored) is not None]
        if not rated:
            return None
        sign = -1 if self.monitored.endswith("loss") else 1
        return max(rated, key=lambda record: sign * record[self.monitored])


def read_run(folder):
    """Read what a run folder holds.

    Args:
        folder: The folder.

    Returns:
        `RunRecord`.

    Raises:
        UserError: It is no run folder, or a file in it is damaged.
    """
    run = RunFolder(folder)
    config = run.read_config()
    labels = run.read_labels() if run.labels.is_file() else []
    return RunRecord(
        name=run.path.resolve().name,
        folder=run.path,
        options=flat_options(config),
        changed=changed_options(config),
        epochs=_lines(run.metrics),
        labels=labels,
        network=_network(config.model),
        failures={line["path"]: line["reason"] for line in _lines(run.failures)},
        evaluations=[
            _read_evaluation(path)
            for path in sorted(run.evaluation.glob("*.json"))
            if not path.name.endswith(".predictions.json")
        ],
    )


def _network(model):
    start = f"started from {model.pretrained}" if model.pretrained else "trained from scratch"
    return f"{model.architecture}-{model.depth}, {start}"


def _read_evaluation(path):
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        accuracy = report["video_top1"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not an evaluation's report ({error})") from None
    if not isinstance(accuracy, float | int):
        raise UserError(f"{path}: not an evaluation's report")
    table = path.with_suffix(".videos.csv")
    return EvaluationRecord(path.stem, report, read_table(table) if table.is_file() else [])


def _lines(path):
    """The objects of a file of JSON lines; half a line, from the moment of a kill, is left out."""
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records
