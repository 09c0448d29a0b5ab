"""python -m app score: the accuracy of a result file, without a network.

python -m app score predictions.json annotation.json --k 1 5
"""

from dataclasses import dataclass

from app.errors import UserError
from app.evaluation.result_file import read_json, read_results


@dataclass(frozen=True)
class Score:
    """How good a result file is.

    Args:
        accuracy: k -> share of the videos whose class is among their k best.
        videos: Number of videos that the shares refer to.
        missing: Number of videos of the subset that the result file lacks.
        ignored: Whether the missing ones are left out, instead of counting as wrong.
        foreign: Number of videos of the result file that are not in the subset.
        subset: Name of the subset.
    """

    accuracy: dict[int, float]
    videos: int
    missing: int
    ignored: bool
    foreign: int
    subset: str

    def __str__(self):
        lines = [f"top-{k} {accuracy!r}" for k, accuracy in self.accuracy.items()]
        lines.append(f"{self.videos} videos of {self.subset}")
        if self.missing:
            fate = "and are left out" if self.ignored else "and count as wrong"
            lines.append(f"{self.missing} videos of {self.subset} have no result {fate}")
        if self.foreign:
            lines.append(f"{self.foreign} results are of videos outside {self.subset}")
        return "\n".join(lines)


def score(config):
    """Score a result file, ours or the PyTorch original's.

    Args:
        config: ``app.configuration.ScoreConfig``.

    Returns:
        ``Score``.

    Raises:
        UserError: A file cannot be read, is of another format, or the two do not fit.
    """
    ks = config.k if isinstance(config.k, tuple) else (config.k,)
    labels, truth = read_truth(config.annotation, config.subset)
    results = read_results(config.predictions)
    found = [video_id for video_id in truth if video_id in results]
    if not found:
        raise UserError(
            f"{config.predictions}: has no result for any of the {len(truth)} videos of "
            f"{config.subset} in {config.annotation}"
        )
    for video_id in found:
        _check(config, max(ks), video_id, results[video_id], labels)
    n_videos = len(found) if config.ignore_missing else len(truth)
    return Score(
        accuracy={
            k: sum(truth[video_id] in results[video_id][:k] for video_id in found) / n_videos
            for k in ks
        },
        videos=n_videos,
        missing=len(truth) - len(found),
        ignored=config.ignore_missing,
        foreign=len(results) - len(found),
        subset=config.subset,
    )


def read_truth(path, subset):
    """The true classes of a subset, from an annotation file of the PyTorch original.

    Args:
        path: The file.
        subset: training, validation or testing.

    Returns:
        The set of class names, and a dict from video id to class name.

    Raises:
        UserError: The file cannot be read, is of another format, or has no such video.
    """
    content = read_json(path)
    if (
        not isinstance(content, dict)
        or not isinstance(content.get("labels"), list)
        or not all(isinstance(label, str) for label in content["labels"])
        or not isinstance(content.get("database"), dict)
    ):
        raise UserError(f'{path}: not an annotation, it has no "labels" and "database"')
    labels = frozenset(content["labels"])
    truth = {}
    for video_id, entry in content["database"].items():
        if not isinstance(entry, dict) or entry.get("subset") != subset:
            continue
        annotations = entry.get("annotations")
        label = annotations.get("label") if isinstance(annotations, dict) else None
        if not isinstance(label, str) or label not in labels:
            raise UserError(f'{path}, video {video_id!r}: label {label!r} is not among "labels"')
        truth[video_id] = label
    if not truth:
        raise UserError(f"{path}: has no video of the subset {subset}")
    return labels, truth


def _check(config, k, video_id, ranked, labels):
    where = f"{config.predictions}, video {video_id!r}"
    for label in ranked:
        if label not in labels:
            raise UserError(f"{where}: the class {label!r} is not in {config.annotation}")
    if len(ranked) < min(k, len(labels)):
        raise UserError(f"--k {k}: {where} has its {len(ranked)} best classes only")
