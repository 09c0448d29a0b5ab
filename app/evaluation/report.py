"""What is kept of an evaluation: numbers, predictions, classes and a picture of the confusions."""

import csv
import io
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from app.evaluation.confusion import NAMED_CONFUSIONS, confusion_picture, worst_confusions
from app.evaluation.result_file import best_classes, json_bytes, result_json
from app.evaluation.scores import Evaluation
from app.evaluation.video_table import table_text, video_rows
from app.metrics import hits
from datasets.shown import counted, shown
from weights.durable import write_together

# Classes of a video that are kept where nobody says how many.
TOP_K = 5


class ReportFiles:
    """The files of one evaluation, side by side.

    Args:
        folder: The folder they are in.
        name: What all their names begin with: the split, and the views unless they are the usual.

    Attributes:
        report: The numbers, as JSON.
        predictions: The best classes of every video, see `app.evaluation.result_file`.
        videos: A row for every video, see `app.evaluation.video_table`.
        classes: The accuracy or average precision of every class, as CSV.
        confusion: Picture of the confusion matrix, where a video has one class.
        failures: The videos that could not be read.
        progress: What is found so far, while the evaluation is under way.
    """

    def __init__(self, folder, name):
        self.report = folder / f"{name}.json"
        self.predictions = folder / f"{name}.predictions.json"
        self.videos = folder / f"{name}.videos.csv"
        self.classes = folder / f"{name}.classes.csv"
        self.confusion = folder / f"{name}.confusion.png"
        self.failures = folder / f"{name}.failures.jsonl"
        self.progress = folder / f"{name}.partial"

    @classmethod
    def choose(cls, folder, name, source):
        """Files of this name, or with a number behind it where other data has taken it.

        Args:
            folder: The folder they are in.
            name: What their names begin with.
            source: What tells data of this name apart, as in `EvaluationReport`.
        """
        names = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
        return next(files for files in (cls(folder, n) for n in names) if files._are_of(source))

    def _are_of(self, source):
        """Whether what is kept under these names, if anything, is of the same data."""
        for path, read in ((self.report, Path.read_bytes), (self.progress, _first_line)):
            if path.exists():
                try:
                    kept = json.loads(read(path)).get("source")
                except (OSError, ValueError, AttributeError):
                    # Half a file, of nobody knows what: a new one may take its place.
                    continue
                if kept != source:
                    return False
        return True


@dataclass(frozen=True)
class EvaluationReport:
    """What an evaluation found, and where it is kept.

    Args:
        files: `ReportFiles`.
        network: The checkpoint or file evaluated.
        engine: How it was computed.
        split: Part of the data.
        source: Where the data is; None for that of the run itself.
        views: The clips of a video that were scored, as text.
        labels: Class names in output order.
        true_classes: int `[n_videos]`, class of each row, failed ones included; bool
            `[n_videos, n_classes]` where a video may have several.
        paths: Path of each row.
        video_ids: Name of each row in result files.
        evaluation: `app.evaluation.scores.Evaluation`.
        failed: Path -> reason of the videos that could not be read.
    """

    files: ReportFiles
    network: str
    engine: str
    split: str
    source: str | None
    views: str
    labels: tuple[str, ...]
    true_classes: np.ndarray = field(repr=False)
    paths: list[str] = field(repr=False)
    video_ids: list[str] = field(repr=False)
    evaluation: Evaluation = field(repr=False)
    failed: dict[str, str] = field(repr=False)

    @property
    def exit_code(self):
        """1 when some of the videos failed."""
        return 1 if self.failed else 0

    @property
    def path(self):
        """The report as JSON."""
        return self.files.report

    @property
    def _several(self):
        """Whether a video may have several classes."""
        return self.true_classes.ndim == 2

    def per_class(self):
        """How each class that has videos fared; a failed video counts as wrong.

        Returns:
            List of dicts, in the order of the classes: `class`, `videos`, `top1` and
            `top5` as shares, `taken_for`, the wrong class most often predicted, and
            `times`, how often. Where a video may have several classes: `class`, `videos`
            and `average_precision`.
        """
        e = self.evaluation
        n = len(self.labels)
        if self._several:
            videos = self.true_classes.sum(axis=0)
            return [
                {
                    "class": self.labels[c],
                    "videos": int(videos[c]),
                    "average_precision": float(e.average_precision[c]),
                }
                for c in np.flatnonzero(videos).tolist()
            ]
        videos = np.bincount(self.true_classes, minlength=n)
        right = {k: np.bincount(e.labels[hits(e.scores, e.labels, k)], minlength=n) for k in (1, 5)}
        wrong = e.confusion()
        np.fill_diagonal(wrong, 0)
        return [
            {
                "class": self.labels[c],
                "videos": int(videos[c]),
                "top1": float(right[1][c] / videos[c]),
                "top5": float(right[5][c] / videos[c]),
                "taken_for": self.labels[wrong[c].argmax()] if wrong[c].any() else "",
                "times": int(wrong[c].max()),
            }
            for c in np.flatnonzero(videos).tolist()
        ]

    def values(self):
        """The numbers, by the names they have in the report."""
        values = {n.removeprefix("val_"): value for n, value in self.evaluation.values().items()}
        if not self._several:
            values["mean_class_accuracy"] = float(np.mean([r["top1"] for r in self.per_class()]))
        return values

    def __str__(self):
        values = self.values()
        n_classes = len(self.per_class())
        n_videos = counted(len(self.true_classes), "video")
        if self._several:
            mean = f"mean average precision {values['video_map']:.4f}"
        else:
            mean = f"mean class accuracy {values['mean_class_accuracy']:.4f}"
        lines = [
            f"{self.split}, {shown(self.network)}, views {self.views}, {self.engine}: {n_videos}, "
            f"{counted(self.evaluation.clips, 'clip')}, loss {values['loss']:.4f}",
            self._accuracies("clip"),
            self._accuracies("video"),
            f"{mean} over {counted(n_classes, 'class', 'classes')}",
        ]
        if self.failed:
            failed = counted(self.evaluation.failed, "video")
            verb = "counts" if self.evaluation.failed == 1 else "count"
            lines.append(
                f"{failed} could not be read and {verb} as wrong: {shown(self.files.failures)}"
            )
        lines.append(f"report: {shown(self.files.report)}")
        return "\n".join(lines)

    def _accuracies(self, what):
        """The line of the accuracies over clips or videos; among five, any class is a top-5."""
        values = self.values()
        line = f"{what:5}  top-1 {values[f'{what}_top1']:.4f}"
        return line if len(self.labels) <= 5 else f"{line}  top-5 {values[f'{what}_top5']:.4f}"

    def write(self, top_k):
        """Write the files; all of them, or none where the disk does not take them.

        Args:
            top_k: How many classes of a video its predictions hold; None for 5, or for all where
                a video may have several: a mean average precision needs them.
        """
        e = self.evaluation
        if top_k is None:
            top_k = len(self.labels) if self._several else TOP_K
        best = (
            (self.video_ids[row], best_classes(scores, self.labels, top_k))
            for row, scores in zip(e.rows.tolist(), e.scores, strict=True)
        )
        rows = video_rows(
            self.paths, self.true_classes, e, self.labels, self.failed, min(top_k, len(self.labels))
        )
        contents = {
            self.files.predictions: result_json(best),
            self.files.videos: table_text(rows).encode("utf-8", "surrogateescape"),
            self.files.classes: _table(self.per_class()),
        }
        report = self._as_json()
        if self._several:
            report["classes"] = self.per_class()
        else:
            matrix = e.confusion()
            title = f"{self.split}, {self.network}, {self.views}: video top-1 {e.video_top1:.4f}"
            contents[self.files.confusion] = _png(confusion_picture(matrix, self.labels, title))
            report["worst_confusions"] = [
                {"class": true, "taken_for": taken, "times": times, "videos": videos}
                for true, taken, times, videos in worst_confusions(
                    matrix, self.labels, NAMED_CONFUSIONS
                )
            ]
        # Last, because it says that the others are there.
        contents[self.files.report] = json_bytes({**report, "failed": self.failed}, indent=2)
        write_together(
            {path: lambda file, c=content: file.write(c) for path, content in contents.items()}
        )

    def _as_json(self):
        return {
            "checkpoint": self.network,
            "engine": self.engine,
            "source": self.source,
            "split": self.split,
            "views": self.views,
            "videos": len(self.true_classes),
            "clips": self.evaluation.clips,
            **self.values(),
        }


def _first_line(path):
    with path.open("rb") as file:
        return file.readline()


def _table(classes):
    """A list of dicts of the same keys as a CSV file: bytes."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(classes[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(classes)
    return text.getvalue().encode(errors="surrogateescape")


def _png(picture):
    """A uint8 RGB picture `[height, width, 3]` as a PNG file: bytes."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()
