"""python -m app score: the accuracy of a result file, without a network.

python -m app score predictions.json annotation.json --k 1 5
python -m app score runs/mine/evaluation/val.predictions.json my_videos
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.data import usual_split
from app.errors import UserError
from app.evaluation.average_precision import average_precision, mean_average_precision
from app.evaluation.result_file import names_in_results, read_results
from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from datasets.shown import counted

# The PyTorch original's names of the splits.
SPLITS = {"training": "train", "validation": "val", "testing": "test", "all": "all"}


@dataclass(frozen=True)
class Score:
    """How good a result file is.

    Args:
        accuracy: k -> share of the videos whose class, or one of them, is among their k best.
        videos: Number of videos that the shares refer to.
        missing: Number of videos of the subset that the result file lacks.
        ignored: Whether the missing ones are left out, instead of counting as wrong.
        foreign: Number of videos of the result file that are not in the subset.
        subset: Name of the subset.
        video_map: Mean average precision; None where a video has one class.
    """

    accuracy: dict[int, float]
    videos: int
    missing: int
    ignored: bool
    foreign: int
    subset: str
    video_map: float | None = None

    def __str__(self):
        lines = [] if self.video_map is None else [f"mAP {self.video_map!r}"]
        lines += [f"top-{k} {accuracy!r}" for k, accuracy in self.accuracy.items()]
        lines.append(f"{counted(self.videos, 'video')} of {self.subset}")
        if self.missing:
            fate = "left out" if self.ignored else "counted as wrong"
            n_missing = counted(self.missing, "video")
            lines.append(f"{n_missing} of {self.subset} without a result: {fate}")
        if self.foreign:
            lines.append(f"{counted(self.foreign, 'result')} of videos outside {self.subset}")
        return "\n".join(lines)


def score(config):
    """Score a result file, ours or the PyTorch original's.

    Args:
        config: `app.configuration.ScoreConfig`.

    Returns:
        `Score`.

    Raises:
        UserError: The result file cannot be read, is of another format, or does not fit.
        AnnotationError: The annotation cannot be read.
    """
    labels, truth, subset = _read_truth(config)
    ranked = read_results(config.predictions)
    results = {video_id: [name for name, _ in pairs] for video_id, pairs in ranked.items()}
    found = [video_id for video_id in truth if video_id in results]
    if not found:
        raise UserError(
            f"{config.predictions}: has no result for any of the {counted(len(truth), 'video')} of "
            f"{subset} in {config.annotation}"
        )
    _check_classes(config, results, labels)
    ks = _check_ks(config, {video_id: len(results[video_id]) for video_id in found}, len(labels))
    n_videos = len(found) if config.ignore_missing else len(truth)
    return Score(
        accuracy={
            k: sum(not truth[name].isdisjoint(results[name][:k]) for name in found) / n_videos
            for k in ks
        },
        videos=n_videos,
        missing=len(truth) - len(found),
        ignored=config.ignore_missing,
        foreign=len(results) - len(found),
        subset=subset,
        video_map=_mean_average_precision(config, ranked, truth, found),
    )


def _mean_average_precision(config, ranked, truth, found):
    if not config.multi_label:
        return None
    names = sorted(set().union(*truth.values()))
    scores = np.empty((len(found), len(names)))
    for row, video_id in enumerate(found):
        score_of = dict(ranked[video_id])
        for column, name in enumerate(names):
            if name not in score_of:
                raise UserError(
                    f"--multi_label: {config.predictions}, video {video_id!r} has no score of the "
                    f"class {name!r}; a mean average precision needs those of all classes"
                )
            scores[row, column] = score_of[name]
    counted_videos = found if config.ignore_missing else truth
    n_videos = [sum(name in truth[video_id] for video_id in counted_videos) for name in names]
    targets = np.array([[name in truth[video_id] for name in names] for video_id in found])
    return mean_average_precision(average_precision(scores, targets, n_videos))


def _read_truth(config):
    """The class names, a dict from video id to its classes, and the name of the subset."""
    splits = _read_annotation(config)
    split = SPLITS[config.subset] if config.subset else usual_split(splits)
    subset = next(name for name, ours in SPLITS.items() if ours == split)
    index = splits[split]
    truth = {name: frozenset(index.classes(n)) for n, name in enumerate(names_in_results(index))}
    truth = {name: classes for name, classes in truth.items() if classes}
    if not truth:
        raise UserError(f"{config.annotation}: the videos of the subset {subset} have no classes")
    return frozenset(index.labels), truth, subset


def _read_annotation(config):
    """What fit reads, but that the videos need not be there."""
    several = config.multi_label
    try:
        return load_splits(
            None, config.annotation, config.split, names_only=True, multi_label=several
        )
    except AnnotationError as error:
        if not Path(config.annotation).is_dir():
            raise
        try:
            # No lists in it: then its folders are the classes.
            return load_splits(config.annotation, multi_label=several)
        except AnnotationError:
            raise error from None


def _check_classes(config, results, labels):
    """Refuse results that speak of other classes; a network may know more than there are here."""
    foreign = None
    for video_id, ranked in results.items():
        for label in ranked:
            if label in labels:
                return
            foreign = foreign or (video_id, label)
    video_id, label = foreign
    raise UserError(
        f"{config.predictions}, video {video_id!r}: the class {label!r} is not in "
        f"{config.annotation}, nor is any other"
    )


def _check_ks(config, lengths, n_labels):
    """The k to score: as asked for, else 1 and 5, and 1 alone where five are all there are."""
    shortest = min(lengths, key=lengths.get)
    if config.k is None:
        return (1, 5) if n_labels > 5 and lengths[shortest] >= 5 else (1,)
    ks = config.k if isinstance(config.k, tuple) else (config.k,)
    if lengths[shortest] < min(max(ks), n_labels):
        raise UserError(
            f"--k {max(ks)}: {config.predictions}, video {shortest!r} has its "
            f"{lengths[shortest]} best classes only"
        )
    return ks
