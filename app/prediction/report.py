"""The result of `python -m app predict` as a table, as JSON or as CSV."""

import csv
import io
import json
from dataclasses import dataclass

from app.prediction.prediction import Prediction
from app.prediction.timeline import clock, segments


@dataclass(frozen=True)
class PredictionReport:
    """What was predicted.

    Args:
        predictions: ``Prediction`` of each video that could be read.
        failed: Name -> reason of those that could not.
        format: "table", "json" or "csv".
        top_k: How many classes to name.
        timeline: Whether to give the segments.
        engine: Name of the engine.
        files: Files that were written.
        interrupted: Whether Ctrl-C ended it early.
    """

    predictions: list[Prediction]
    failed: dict[str, str]
    format: str
    top_k: int
    timeline: bool
    engine: str
    files: list[str]
    interrupted: bool = False

    @property
    def exit_code(self):
        """0, 1 when some videos failed, 2 when all did, 130 after Ctrl-C."""
        return _exit_code(len(self.predictions), self)

    def __str__(self):
        if self.format == "json":
            return json.dumps(self.as_json(), indent=2, ensure_ascii=False)
        return self._csv() if self.format == "csv" else self._table()

    def as_json(self):
        """The report as plain lists and dicts.

        ``results`` has the labels and scores in the form of the PyTorch original's result file;
        so has ``timeline``, like its unaveraged one, except that segments count frames from 0.
        """
        results = []
        for prediction in self.predictions:
            entry = {
                "source": prediction.source.name,
                "frames": prediction.n_frames,
                "fps": prediction.fps or None,
                "windows": len(prediction.starts),
                "result": _as_dicts(prediction.top(self.top_k)),
            }
            if self.timeline:
                entry["timeline"] = [
                    {
                        "segment": [part.start, part.end],
                        "seconds": [prediction.seconds(part.start), prediction.seconds(part.end)],
                        "result": _as_dicts(prediction.top(self.top_k, part.scores)),
                    }
                    for part in segments(prediction)
                ]
            results.append(entry)
        failed = [{"source": name, "reason": reason} for name, reason in self.failed.items()]
        return {
            "engine": self.engine,
            "results": results,
            "failed": failed,
            "files": self.files,
        }

    def _csv(self):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self.timeline:
            times = ("start_frame", "end_frame", "start_seconds", "end_seconds")
            writer.writerow(("source", *times, "rank", "label", "score"))
            for prediction in self.predictions:
                for part in segments(prediction):
                    where = (
                        part.start,
                        part.end,
                        prediction.seconds(part.start),
                        prediction.seconds(part.end),
                    )
                    _write_ranks(
                        writer,
                        (prediction.source.name, *where),
                        prediction.top(self.top_k, part.scores),
                    )
        else:
            writer.writerow(("source", "rank", "label", "score"))
            for prediction in self.predictions:
                _write_ranks(writer, (prediction.source.name,), prediction.top(self.top_k))
        return text.getvalue().rstrip("\n")

    def _table(self):
        lines = []
        for prediction in self.predictions:
            duration = prediction.seconds(prediction.n_frames)
            length = f"{prediction.n_frames} frames" + (f", {duration:.1f} s" if duration else "")
            count = len(prediction.starts)
            lines.append(
                f"{prediction.source.name}  ({length}, {count} window{'s' if count > 1 else ''})"
            )
            lines += [f"  {score:.4f}  {label}" for label, score in prediction.top(self.top_k)]
            if self.timeline:
                lines += [_segment_line(prediction, part) for part in segments(prediction)]
        lines += [f"written: {path}" for path in self.files]
        return "\n".join(lines)


@dataclass(frozen=True)
class FeatureReport:
    """What became of `--features`.

    Args:
        path: The file written; None when no video could be read.
        videos: Number of videos in it.
        failed: Name -> reason of those that could not be read.
        engine: Name of the engine.
        interrupted: Whether Ctrl-C ended it early.
    """

    path: str | None
    videos: int
    failed: dict[str, str]
    engine: str
    interrupted: bool = False

    @property
    def exit_code(self):
        """0, 1 when some videos failed, 2 when all did, 130 after Ctrl-C."""
        return _exit_code(self.videos, self)

    def __str__(self):
        return f"written: {self.path} (features of {self.videos} videos)" if self.path else ""


def _exit_code(n_done, report):
    if report.interrupted:
        return 130
    return 0 if not report.failed else 1 if n_done else 2


def _as_dicts(top):
    return [{"label": label, "score": score} for label, score in top]


def _write_ranks(writer, where, top):
    for rank, (label, score) in enumerate(top, 1):
        writer.writerow((*where, rank, label, f"{score:.6f}"))


def _segment_line(prediction, part):
    (label, score), *_ = prediction.top(1, part.scores)
    if prediction.fps:
        start, end = (clock(prediction.seconds(frame)) for frame in (part.start, part.end))
    else:
        start, end = part.start, part.end
    return f"  {start:>8} - {end:<8}  {score:.4f}  {label}"
