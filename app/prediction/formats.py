"""A prediction as text: for people, as CSV or as JSON, one video after the other."""

import csv
import io
import json

from app.prediction.timeline import clock, segments
from datasets.shown import counted, shown


def header(config):
    """What stands before the first video, or None.

    Args:
        config: `app.configuration.PredictConfig`.
    """
    if config.format != "csv":
        return None
    times = ["start_frame", "end_frame", "start_seconds", "end_seconds"] * config.timeline
    return _csv([["source", *times, "rank", "label", "score"]])


def as_text(prediction, config):
    """The text of one video, without a newline at its end; None where it belongs to a whole.

    Args:
        prediction: `Prediction`.
        config: `app.configuration.PredictConfig`.
    """
    if config.format == "csv":
        return _csv(_rows(prediction, config))
    if config.format == "jsonl":
        return json.dumps(as_dict(prediction, config), ensure_ascii=False)
    return _table(prediction, config) if config.format == "table" else None


def failure_as_text(name, reason, config):
    """The line that stands for a source that came to nothing, or None where only stderr has it.

    Args:
        name, reason: As in a report.
        config: `app.configuration.PredictConfig`.
    """
    if config.format != "jsonl":
        return None
    return json.dumps({"source": name, "reason": reason}, ensure_ascii=False)


def as_dict(prediction, config):
    """One video as plain lists and dicts.

    `result` has the labels and scores in the form of the PyTorch original's result file; so has
    `timeline`, like its unaveraged one, except that segments count frames from 0.
    """
    entry = {
        "source": prediction.source.name,
        "frames": prediction.n_frames,
        "fps": prediction.fps or None,
        "windows": len(prediction.starts),
        "result": _as_dicts(prediction.top(config.top_k)),
    }
    if config.timeline:
        entry["timeline"] = [
            {
                "segment": [part.start, part.end],
                "seconds": list(part.seconds),
                "result": _as_dicts(prediction.top(config.top_k, part.scores)),
            }
            for part in segments(prediction)
        ]
    return entry


def _as_dicts(top):
    return [{"label": label, "score": score} for label, score in top]


def _csv(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().rstrip("\n")


def _rows(prediction, config):
    parts = [((), None)]
    if config.timeline:
        parts = [((p.start, p.end, *p.seconds), p.scores) for p in segments(prediction)]
    for where, scores in parts:
        for rank, (label, score) in enumerate(prediction.top(config.top_k, scores), 1):
            yield prediction.source.name, *where, rank, label, f"{score:.6f}"


def _table(prediction, config):
    duration = prediction.duration
    length = [counted(prediction.n_frames, "frame")]
    length += [f"{duration:.1f} s"] if duration is not None else []
    length += [counted(len(prediction.starts), "window")]
    lines = [f"{shown(prediction.source.name)}  ({', '.join(length)})"]
    lines += [f"  {score:.4f}  {shown(label)}" for label, score in prediction.top(config.top_k)]
    if config.timeline:
        for part in segments(prediction):
            [(label, score)] = prediction.top(1, part.scores)
            start, end = part.start, part.end
            if duration is not None:
                start, end = (clock(seconds, duration) for seconds in part.seconds)
            lines.append(f"  {start:>8} - {end:<8}  {score:.4f}  {shown(label)}")
    return "\n".join(lines)
