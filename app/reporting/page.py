"""The page of a report: one HTML file that needs nothing else."""

from collections import Counter
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from app.changed_options import PLACES
from app.evaluation.confusion import worst_confusions
from app.reporting.calibration import calibrate
from app.reporting.charts import confusion_heat, curves, reliability
from app.reporting.thumbnails import strip_uri

# Videos shown with pictures: the wrong ones the network was surest of, and those it was least sure
# of. All of them are in the table of videos beside the evaluation.
WRONG, UNSURE = 48, 12
# How many of each are explained where that is asked for: it computes in eager mode.
EXPLAINED = {"wrong": 12, "unsure": 4}
PAIRS = 20


def render(runs, explaining=None):
    """Render the report of some runs.

    Args:
        runs: List of `RunRecord`, the first one first.
        explaining: `app.reporting.explaining.Explaining`, or None for a page without Grad-CAM.

    Returns:
        The HTML text.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.filters["percent"] = lambda value: f"{100 * value:.1f} %"
    return environment.get_template("page.html").render(
        runs=runs,
        explaining=explaining is not None,
        charts=_charts(runs),
        differences=_differences(runs),
        evaluations=[
            (run, _show(evaluation, run, explaining))
            for run in runs
            for evaluation in run.evaluations
        ],
    )


def _charts(runs):
    """`(title, svg)` of the curves of all runs, one over the other."""
    charts = []
    for title, names, label, percent in (
        ("Loss", (("training", "train_loss"), ("validation", "val_loss")), "loss", False),
        (
            "Accuracy",
            (
                ("training clips", "train_top1"),
                ("validation clips", "val_clip_top1"),
                ("validation videos", "val_video_top1"),
            ),
            "top-1",
            True,
        ),
        ("Mean average precision", (("validation videos", "val_video_map"),), "mAP", True),
        ("Learning rate", (("learning rate", "lr"),), "learning rate", False),
        ("Gradient norm", (("gradient norm", "gradient_norm"),), "norm", False),
        ("Speed", (("clips per second", "clips_per_second"),), "clips per second", False),
        ("Waiting for videos", (("waiting", "data_wait"),), "share of the time", True),
    ):
        lines = []
        for number, run in enumerate(runs):
            for place, (name, key) in enumerate(names):
                points = [(r["epoch"], r[key]) for r in run.epochs if r.get(key) is not None]
                if not points:
                    continue
                # One run: a colour for each value. Several: a colour for each run.
                style = (
                    (place, False) if len(runs) == 1 else (number, place == 0 and len(names) > 1)
                )
                words = name if len(runs) == 1 else f"{run.name}, {name}"
                lines.append((words, *zip(*points, strict=True), style))
        if lines:
            charts.append((title, Markup(curves(lines, label, percent))))
    return charts


def _differences(runs):
    """`(option, values)` of the options that are not the same in all runs."""
    if len(runs) < 2:
        return []
    names = sorted({name for run in runs for name in run.options})
    table = [(name, [run.options.get(name) for run in runs]) for name in names]
    return [
        (name, values)
        for name, values in table
        if any(value != values[0] for value in values) and name not in PLACES
    ]


def _show(evaluation, run, explaining):
    """What the page shows of one evaluation, by the names the template uses."""
    shown = {"name": evaluation.name, "report": evaluation.report, "videos": len(evaluation.videos)}
    read = [video for video in evaluation.videos if video.top]
    if not read:
        return shown
    calibration = calibrate([v.score for v in read], [v.right for v in read])
    wrong = sorted((v for v in read if not v.right), key=lambda v: -v.score)
    unsure = sorted((v for v in read if v.right), key=lambda v: v.score)

    def cards(videos, kind):
        for place, video in enumerate(videos):
            explained = None
            if explaining and place < EXPLAINED[kind]:
                explained = explaining.strip_uri(run, evaluation, video)
            yield video, strip_uri(video.path), explained

    return shown | {
        "classes": _classes(evaluation),
        "reliability": Markup(reliability(calibration)),
        "calibration_error": calibration.expected_error,
        "n_wrong": len(wrong),
        "wrong": list(cards(wrong[:WRONG], "wrong")),
        "unsure": list(cards(unsure[:UNSURE], "unsure")),
        "failed": [video for video in evaluation.videos if not video.top],
        **({} if _has_several_labels(evaluation) else _confusions(read, run)),
    }


def _has_several_labels(evaluation):
    """Whether the videos of an evaluation may have several classes."""
    return "video_map" in evaluation.report


def _confusions(read, run):
    labels = run.labels or sorted({v.true for v in read} | {v.predicted for v in read})
    number_of = {label: number for number, label in enumerate(labels)}
    matrix = np.zeros((len(labels),) * 2, int)
    for video in read:
        if video.true in number_of and video.predicted in number_of:
            matrix[number_of[video.true], number_of[video.predicted]] += 1
    return {
        "confusion": Markup(confusion_heat(matrix)),
        "numbers": list(enumerate(labels)),
        "pairs": worst_confusions(matrix, labels, PAIRS),
    }


def _classes(evaluation):
    """`(class, accuracy or average precision, videos)`, the worst class first."""
    if _has_several_labels(evaluation):
        classes = evaluation.report["classes"]
        rows = [(row["class"], row["average_precision"], row["videos"]) for row in classes]
    else:
        total, right = Counter(), Counter()
        for video in evaluation.videos:
            total[video.true] += 1
            right[video.true] += video.right
        rows = [(label, right[label] / n, n) for label, n in total.items()]
    return sorted(rows, key=lambda row: (row[1], -row[2], row[0]))


def _number(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_number, value))
    return str(value)
