"""From the configuration to loaders of clips, for training and for its validation."""

import paddle.distributed as dist

from app.data import packet_indexes, worker_count
from app.errors import UserError
from datasets.clips.clip_shape import ClipShape
from datasets.clips.colour import ColourJitter
from datasets.clips.erasing import RandomErasing
from datasets.clips.evaluation import EvaluationClips
from datasets.clips.loader import ClipLoader
from datasets.clips.training import Augmentation, TrainingClips
from datasets.clips.video_order import EvaluationSampler, TrainingSampler
from datasets.clips.views import Views


def training_loader(config, index, on_failure, max_failures):
    """Random clips of the videos of an index.

    Args:
        config: `FitConfig`.
        index: `VideoIndex`.
        on_failure: Called with every `Failure`.
        max_failures: How many failed videos the run bears.

    Returns:
        `ClipLoader`.
    """
    clip, train = config.clip, config.train
    clips = TrainingClips(
        index,
        ClipShape(clip.frames, clip.stride, clip.size),
        _augmentation(clip),
        train.seed,
        # One more in a row than the run bears ends it anyway.
        max_attempts=max_failures + 1,
        packet_indexes=packet_indexes(config.data.annotation),
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
    sampler = TrainingSampler(
        len(index),
        batch_videos,
        train.seed,
        dist.get_rank(),
        n_ranks,
        index.label,
        config.data.balance,
    )
    return ClipLoader(clips, sampler, worker_count(train.workers), on_failure)


def _augmentation(clip):
    return Augmentation(
        clip.crop_scale,
        clip.crop_ratio,
        clip.flip,
        clip.random_stride,
        ColourJitter(clip.brightness, clip.contrast, clip.saturation, clip.hue, clip.greyscale),
        RandomErasing(clip.erasing),
    )


def evaluation_loader(clip, index, batch_clips, workers, on_failure, annotation=None):
    """Evenly spread clips of every video of an index.

    Args:
        clip: `ClipConfig`.
        index: `VideoIndex`.
        batch_clips: About how many clips make a batch; all clips of a video are in one.
        workers: Worker processes, or None for one per core.
        on_failure: Called with every `Failure`.
        annotation: What `DataConfig.annotation` names.

    Returns:
        `ClipLoader`.
    """
    clips = EvaluationClips(
        index,
        ClipShape(clip.frames, clip.stride, clip.size),
        Views("even", clip.val_clips),
        packet_indexes(annotation),
    )
    sampler = EvaluationSampler(
        len(index), max(1, batch_clips // clip.val_clips), dist.get_rank(), dist.get_world_size()
    )
    return ClipLoader(clips, sampler, worker_count(workers), on_failure)
