"""Which videos an evaluation is of, their true classes, and the name that its files get from them.

The run's own validation, unless the user names videos or an annotation. Named ones are evaluated
whole, unless they come with a split of their own: then its validation part is.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.data import read_splits, usual_split
from app.errors import UserError
from datasets.annotations.errors import AnnotationError
from datasets.index.video_index import VideoIndex
from datasets.shown import shown

# Bytes of a name from outside that the names of files repeat; they have endings to come.
NAME_BYTES = 60


@dataclass(frozen=True)
class EvaluatedVideos:
    """The videos of an evaluation.

    Args:
        index: `datasets.index.video_index.VideoIndex`.
        split: Which part of the data they are: train, val, test or all.
        annotation: The annotation that names them, or None.
        names: What tells the data from the run's own in the name of a file; empty for the run's.
        source: The same whole, to tell apart data whose names are alike; None for the run's.
    """

    index: VideoIndex
    split: str
    annotation: str | None
    names: tuple[str, ...] = ()
    source: str | None = None


def find_videos(config, trained):
    """Find the videos to evaluate a network on; says what the user should know about them.

    Args:
        config: `app.configuration.EvaluateConfig`.
        trained: `app.trained.Trained`.

    Returns:
        `EvaluatedVideos`.

    Raises:
        UserError, AnnotationError: There are none, or no such split.
    """
    named = {
        "videos": config.videos,
        "annotation": config.annotation,
        "split": config.annotation_split,
    }
    named = {name: value for name, value in named.items() if value is not None}
    multi_label = trained.description.activation == "sigmoid"
    data = replace(trained.configuration.data, multi_label=multi_label, **named)
    if data.videos is None and data.annotation is None and trained.checkpoint is None:
        raise UserError(
            f"{config.run}: is not a run folder, so name the videos to evaluate it on: --videos, "
            "and --annotation unless its subfolders are the classes"
        )
    seed = trained.configuration.train.seed
    notes = []
    try:
        splits = read_splits(data, seed)
    except AnnotationError as error:
        if "videos" not in named or "annotation" in named or data.annotation is None:
            raise
        # Not the run's videos at another place, but others.
        data = replace(data, annotation=None)
        try:
            splits = read_splits(data, seed)
        except AnnotationError:
            raise error from None
        notes.append(f"{config.videos}: are not the videos of the run; subfolders are the classes")
    split = config.split
    if split is None:
        split = usual_split(splits) if named else "val"
        if split == "all" and trained.checkpoint is not None:
            notes.append(
                f"all videos of {config.videos or config.annotation} are evaluated; where the run "
                "was trained on some of them, --split val takes the others"
            )
    index = splits[split]
    for note in (*splits.notes, *notes):
        print(shown(note), flush=True)
    if not named:
        return EvaluatedVideos(index, split, data.annotation)
    names = [_short(Path(p).resolve().name) for p in (config.videos, config.annotation) if p]
    source = [str(Path(p).resolve()) for p in (data.videos, data.annotation) if p]
    if config.annotation_split is not None:
        names.append(f"split{config.annotation_split}")
        source.append(f"split {config.annotation_split}")
    return EvaluatedVideos(index, split, data.annotation, tuple(names), ", ".join(source))


def find_true_classes(videos, engine, run):
    """Match the classes of videos with those of a network, by name.

    Args:
        videos: `EvaluatedVideos`.
        engine: `app.inference.engine.Engine`.
        run: What the user calls the network.

    Returns:
        int64 `[n_videos]`, the output number of the class of each row; or bool
        `[n_videos, n_classes]` where a video may have several.

    Raises:
        UserError: A class is not known to the network, or a video has none.
    """
    index, labels = videos.index, engine.description.labels
    if labels is None:
        raise UserError(f"{run}: nobody knows its class names; give them with --labels FILE")
    number_of = {label: number for number, label in enumerate(labels)}
    used = np.flatnonzero(index.videos_of_classes())
    if (index.label < 0).any():
        raise UserError(
            f"--split {videos.split}: has videos without a class; evaluate needs the true classes, "
            "`python -m app predict` does not"
        )
    unknown = [index.labels[c] for c in used.tolist() if index.labels[c] not in number_of]
    if unknown:
        raise UserError(
            f"{run}: was trained on other classes than the videos have: it does not know "
            f"{unknown[0]!r}" + (f" and {len(unknown) - 1} more" if unknown[1:] else "")
        )
    numbers = np.array([number_of.get(label, -1) for label in index.labels], np.int64)
    if index.targets is None:
        return numbers[index.label]
    true_classes = np.zeros((len(index), len(labels)), bool)
    true_classes[:, numbers[used]] = index.targets[:, used]
    return true_classes


def _short(name):
    """A name from outside, fit to be part of a file's name."""
    plain = re.sub(r"[^\w.+=@-]", "_", name.removesuffix(".json").removesuffix(".csv"))
    return plain.encode(errors="replace")[:NAME_BYTES].decode(errors="ignore")
