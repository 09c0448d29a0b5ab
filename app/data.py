"""From the configuration to indexes of videos, and what is known about each of them."""

import contextlib
import functools
from pathlib import Path

from datasets.annotations.formats import load_splits
from datasets.clips.worker import can_work_apart
from datasets.cores import available_cores
from datasets.decoding.packet_index_store import PacketIndexPack, PacketIndexStore
from datasets.demo import write_demo_corpus
from weights.folder import cache_folder


def read_splits(data, seed):
    """The videos of a run by split, writing the demo corpus where no videos are named.

    Args:
        data: `DataConfig`.
        seed: Seed of a drawn split.

    Returns:
        `datasets.index.splits.Splits`.

    Raises:
        AnnotationError: The videos cannot be listed, or there is nothing to train on or to
            validate with.
    """
    videos = data.videos
    if videos is None and data.annotation is None:
        print(
            f"no --data.videos: the demo corpus {data.demo!r} is used, written once into "
            f"{cache_folder()}",
            flush=True,
        )
        videos = write_demo_corpus(cache_folder(), data.demo)
    return load_splits(
        videos,
        data.annotation,
        data.split,
        data.val_fraction,
        data.group_pattern,
        seed,
        multi_label=data.multi_label,
    )


def usual_split(splits):
    """The part that shows how good a network is, where nobody names one.

    Args:
        splits: `datasets.index.splits.Splits`.

    Returns:
        "val" where the source says what is to be trained on; else "all": a split is not drawn.
    """
    return "val" if {"train", "val"} & splits.keys() else "all"


def worker_count(workers):
    """The number of worker processes that decode.

    Args:
        workers: As asked for, or None for one per core that this process may use.

    Returns:
        That number; 0 where the system has no such processes, which is said once.
    """
    if workers == 0 or not can_work_apart():
        if workers != 0:
            _say_that_decoding_waits()
        return 0
    return available_cores() if workers is None else workers


@functools.cache
def _say_that_decoding_waits():
    print("videos are decoded in the main process: worker processes need Linux", flush=True)


def packet_indexes(annotation=None):
    """Where the packet index of every video is kept, so that it is read from packets only once.

    Args:
        annotation: What `DataConfig.annotation` names; an index of `python -m app index` has
            the packet indexes of its videos beside it.

    Returns:
        `datasets.decoding.packet_index_store.PacketIndexStore`.
    """
    pack = None
    if annotation is not None:
        folder = Path(annotation)
        with contextlib.suppress(OSError, ValueError):
            pack = PacketIndexPack(folder if folder.is_dir() else folder.parent)
    return PacketIndexStore(cache_folder() / "frame_indices", pack)
