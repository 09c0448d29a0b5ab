"""What depends on how many processes share a step, and what the user is told of it."""

from paddle import nn

from datasets.shown import counted

# With fewer clips than these, BatchNorm's statistics are noise (Wu and He 2018, Group
# Normalization, figure 1).
ENOUGH_CLIPS = 8


def small_share(network, batch_size, n_processes):
    """A warning where the share of a process is too small for BatchNorm.

    Args:
        network: The network, as it is trained.
        batch_size: Clips per step, over all processes.
        n_processes: Number of processes.

    Returns:
        A line, or None.
    """
    clips = batch_size // n_processes
    if n_processes == 1 or clips >= ENOUGH_CLIPS or not _sees_own_clips_only(network):
        return None
    return (
        f"BatchNorm sees {counted(clips, 'clip')} per step in each of {n_processes} processes, and "
        f"fewer than {ENOUGH_CLIPS} make poor statistics; what helps: a larger --train.batch_size, "
        "BatchNorm frozen with all before --model.finetune_from, or --train.sync_batch_norm on GPUs"
    )


def other_number(network, config, before, now):
    """What it means that a run is resumed in another number of processes.

    Args:
        network: The network, as it is trained.
        config: `FitConfig`.
        before, now: Number of processes that wrote the checkpoint, or None where it does not say;
            and of those that go on.

    Returns:
        A line, or None.
    """
    if before in (None, now):
        return None
    dependent = [
        words
        for words, is_used in (
            ("BatchNorm", _sees_own_clips_only(network)),
            ("--model.dropout", config.model.dropout),
            ("--train.mixup", config.train.mixup),
            ("--train.cutmix", config.train.cutmix),
        )
        if is_used
    ]
    line = f"{counted(now, 'process', 'processes')} now, {before} before: every step has the clips "
    if dependent:
        return (
            f"{line}it would have had, but the result will differ by more than float sums: "
            f"{', '.join(dependent)} works on the share of a process"
        )
    return f"{line}it would have had, and the result is exact up to float sums"


def other_threads(before, now):
    """What it means that a run is resumed with another number of threads.

    Args:
        before, now: Number of threads; None where it is left to Paddle.

    Returns:
        A line, or None.
    """
    if before == now:
        return None
    return f"threads: {before} before, {now} now; the result is exact up to float sums"


def _sees_own_clips_only(network):
    """Whether a BatchNorm is trained that is not synchronised between the processes."""
    return any(
        isinstance(layer, nn.BatchNorm3D) and not layer._use_global_stats
        for layer in network.sublayers()
    )
