"""From the configuration to indexes of videos and loaders of clips."""

import contextlib
import os
from pathlib import Path

import paddle.distributed as dist

from app.errors import UserError
from datasets.demo import write_demo_corpus
from datasets.evaluation_clips import EvaluationClips
from datasets.frame_index_cache import FrameIndexCache
from datasets.frame_index_pack import FrameIndexPack
from datasets.loader import ClipLoader
from datasets.samplers import EvaluationSampler, TrainingSampler
from datasets.sources import load_splits
from datasets.training_clips import Augmentation, TrainingClips


def read_splits(data, seed):
    """The videos of a run by split, writing the demo corpus where no videos are named.

    Args:
        data: ``DataConfig``.
        seed: Seed of a drawn split.

    Returns:
        ``datasets.index.Splits``.

    Raises:
        SourceError: The source cannot be read, or holds nothing to train on or to validate with.
    """
    videos = data.videos
    if videos is None and data.annotation is None:
        print(
            f"no --data.videos: the demo corpus {data.demo!r} is used, written once into "
            f"{_cache_folder()}",
            flush=True,
        )
        videos = write_demo_corpus(_cache_folder(), data.demo)
    return load_splits(
        videos, data.annotation, data.split, data.val_fraction, data.group_pattern, seed
    )


def training_loader(config, index, on_failure, max_failures):
    """Random clips of the videos of an index.

    Args:
        config: ``FitConfig``.
        index: ``VideoIndex``.
        on_failure: Called with every ``Failure``.
        max_failures: How many failed videos the run bears.

    Returns:
        ``ClipLoader``.
    """
    clip, train = config.clip, config.train
    clips = TrainingClips(
        index,
        clip.frames,
        clip.stride,
        clip.size,
        Augmentation(clip.crop_scale, clip.crop_ratio, clip.flip),
        train.seed,
        # One more in a row than the run bears ends it anyway.
        max_attempts=max_failures + 1,
        frame_indices=frame_indices(config.data.annotation),
        clips=clip.repeats,
    )
    if train.batch_size % clip.repeats:
        raise UserError(
            f"--clip.repeats {clip.repeats} does not divide --train.batch_size {train.batch_size}"
        )
    batch_videos = train.batch_size // clip.repeats
    n_ranks = dist.get_world_size()
    if batch_videos % n_ranks:
        per_video = f", {clip.repeats} of each video," if clip.repeats > 1 else ""
        raise UserError(
            f"--train.batch_size {train.batch_size}{per_video} does not divide among "
            f"{n_ranks} processes"
        )
    sampler = TrainingSampler(len(index), batch_videos, train.seed, dist.get_rank(), n_ranks)
    return ClipLoader(clips, sampler, worker_count(train.workers), on_failure)


def evaluation_loader(clip, index, batch_clips, workers, on_failure, annotation=None):
    """Evenly spread clips of every video of an index.

    Args:
        clip: ``ClipConfig``.
        index: ``VideoIndex``.
        batch_clips: About how many clips make a batch; all clips of a video are in one.
        workers: Worker processes, or None for one per core.
        on_failure: Called with every ``Failure``.
        annotation: What ``DataConfig.annotation`` names.

    Returns:
        ``ClipLoader``.
    """
    clips = EvaluationClips(
        index,
        clip.frames,
        clip.stride,
        clip.size,
        clip.val_clips,
        frame_indices(annotation),
    )
    sampler = EvaluationSampler(
        len(index), max(1, batch_clips // clip.val_clips), dist.get_rank(), dist.get_world_size()
    )
    return ClipLoader(clips, sampler, worker_count(workers), on_failure)


def worker_count(workers):
    """The number of worker processes: as asked for, else one per core this process may use."""
    return len(os.sched_getaffinity(0)) if workers is None else workers


def frame_indices(annotation=None):
    """Where the frame index of every video is kept, so that it is read from packets only once.

    Args:
        annotation: What ``DataConfig.annotation`` names; an index of `python -m app index` has
            the frame indices of its videos beside it.

    Returns:
        ``datasets.frame_index_cache.FrameIndexCache``.
    """
    pack = None
    if annotation is not None:
        folder = Path(annotation)
        with contextlib.suppress(OSError, ValueError):
            pack = FrameIndexPack(folder if folder.is_dir() else folder.parent)
    return FrameIndexCache(_cache_folder() / "frame_indices", pack)


def _cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "paddle-3d-resnets"
