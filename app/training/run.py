"""One training run, from its configuration to its end."""

import contextlib
import functools
import os
import sys
from dataclasses import asdict, replace

import numpy as np
from tqdm import tqdm

from app.changed_options import changed_options, flat_options
from app.checkpoints import WEIGHTS, Checkpoints, newest_whole
from app.data import read_splits
from app.errors import UserError
from app.evaluation.confusion import confusion_card
from app.failures import FailureLog, failure_limit
from app.run_folder import config_text
from app.training.averaged_weights import AveragedWeights
from app.training.contact_sheet import contact_sheet
from app.training.kernels import LossScaler, autocast, choose_kernels
from app.training.loaders import evaluation_loader, training_loader
from app.training.network import build_network, describe, find_pretrained, settled
from app.training.optimizer import build_optimizer, build_schedule
from app.training.processes import TrainingProcesses
from app.training.recipe import Recipe
from app.training.resuming import check_videos
from app.training.shares import other_number, other_threads, small_share
from app.training.training_state import TrainingState
from app.training.video_model import VideoModel
from callbacks import (
    Checkpoint,
    EarlyStopping,
    EpochLog,
    FailureWatch,
    Interrupted,
    Interruption,
    Progress,
    VisualDLLog,
)
from datasets.shown import counted, shown
from models.onednn import OneDnnLayers
from weights.files import count_parameters, read_description

# What of a configuration the dashboard shows as text, and what its table of runs has of every run,
# besides what differs from the defaults: its cells for what a run leaves at them say "NaN".
SHOWN_GROUPS = ("model", "data", "clip", "train", "optim", "checkpoint")
ALWAYS_COMPARED = (
    *("optim.lr", "train.epochs", "train.batch_size", "train.seed", "clip.frames", "clip.size"),
    *("model.architecture", "model.depth"),
)
# Classes are called uneven when the largest has this many times the videos of the smallest; then
# the largest and smallest are named.
UNEVEN, NAMED_CLASSES = 10, 5
# Width of its confusion matrix, of which the log keeps some.
DASHBOARD_PIXELS = 1000


def train(config, folder, device, cleanup):
    """Train until the end, or until a signal.

    Args:
        config: `FitConfig`.
        folder: `RunFolder`.
        device: Name of the device, for the user.
        cleanup: `ExitStack` for what must be closed on every way out.

    Returns:
        The fields of `app.fit.FitResult` but the folder, by name.
    """
    processes = cleanup.enter_context(TrainingProcesses(config.train.process_timeout))
    is_main = processes.rank == 0
    say = _say if is_main else lambda line, stream=None: None
    start = None
    if config.resume:
        _hold(folder, is_main, cleanup)
        start = _find_start(folder, say)

    splits = read_splits(config.data, config.train.seed)
    training, validation = splits["train"], splits["val"]
    if config.resume:
        _check_same_videos(folder, config, splits)
    _warn_about_classes(training, config, say)
    layers, threads = choose_kernels(config.train, device, processes.number, say)
    network, description = _build_network(config, training.labels, start, layers, say)
    kept = _as_kept(config, description, layers)
    averages = AveragedWeights(network, config.optim.ema) if config.optim.ema else None
    failures, loader, validation_loader = _build_loaders(config, folder, training, validation)
    recogniser = description.recogniser(network)
    with processes.exchanging():
        # Paddle makes the weights of all processes those of the first.
        model = VideoModel(
            recogniser,
            len(training.labels),
            loader.sampler.batches_per_epoch,
            processes,
            Recipe.of(config, training),
            averages,
            autocast(config.train.precision, device),
            LossScaler() if config.train.precision == "fp16" else None,
        )
    schedule = build_schedule(config, model.batches_per_epoch)
    optimizer = build_optimizer(config.optim, network, schedule)
    model.prepare_training(optimizer)
    for note in (*splits.notes, small_share(network, config.train.batch_size, processes.number)):
        if note:
            say(note)
    say(_introduction(network, description, device, training, validation))

    epoch_log = EpochLog(folder.append_metrics if is_main else None, lambda: loader.wait_seconds)
    early_stopping = EarlyStopping(config.train.early_stopping)
    stateful = {
        "epoch_log": epoch_log,
        "lr_schedule": schedule,
        "early_stopping": early_stopping,
    }
    if model.scaler is not None:
        stateful["loss_scaler"] = model.scaler
    shares = {"processes": processes.number, "threads": threads}
    state = TrainingState(model, optimizer, description, stateful, config_text(kept), shares)
    keeper = _build_keeper(config, folder, state)
    callbacks = [epoch_log, schedule, early_stopping]
    if is_main:
        dashboard = cleanup.enter_context(_dashboard(kept, folder, loader, training))
        progress = cleanup.enter_context(Progress(config.train.epochs))
        # The keeper saves its own state with that of the others.
        stateful |= {"visualdl_log": dashboard, "checkpoint": keeper}
        callbacks += [dashboard, progress, keeper, FailureWatch(failures.update)]
    interruption = cleanup.enter_context(
        Interruption(
            keeper.save_now if is_main else lambda: None,
            processes.any if processes.number > 1 else None,
        )
    )

    position = model.position
    if start is not None:
        state.read(start)
        say(
            f"resuming from {start}: {counted(position.epoch, 'epoch')} finished, "
            f"{counted(position.batch, 'batch', 'batches')} of the next one, step {position.step}"
        )
        before = state.shares_before
        note = other_number(network, config, before.get("processes"), processes.number)
        note = note or other_threads(before.get("threads", threads), threads)
        if note:
            say(note)
    if not config.resume:
        _hold(folder, is_main, cleanup)
    if is_main:
        if not config.resume:
            # Another process may have begun and ended one since.
            folder.check_free()
            folder.write_labels(training.labels)
            splits.save(folder.videos)
        folder.write_config(config_text(kept))
        folder.drop_metrics_after(position.epoch)
        say(f"the run is kept in {folder.path}")
    interrupted_by = None
    if position.epoch < config.train.epochs and not early_stopping.is_over:
        try:
            model.fit(
                loader,
                validation_loader,
                config.train.epochs,
                [*callbacks, interruption],
                config.optim.accumulate,
            )
        except Interrupted as order:
            interrupted_by = order.signal_number
    return {
        "epochs": position.epoch,
        "evaluation": model.evaluation,
        "best": keeper.best,
        "monitor": config.checkpoint.monitor,
        "failed_videos": len(failures.failed),
        "interrupted_by": interrupted_by,
    }


def _hold(folder, is_main, cleanup):
    """Make the folder, and let nobody else train in it until this run ends."""
    if is_main:
        cleanup.enter_context(folder.locked())
    else:
        folder.path.mkdir(parents=True, exist_ok=True)


def _find_start(folder, say):
    """The checkpoint that a resumed run goes on from; None to begin at the beginning."""
    start = newest_whole(folder.checkpoints, functools.partial(say, stream=sys.stderr))
    if start is None:
        say(f"{folder.path}: no checkpoint yet, starting from the beginning")
    return start


def _warn_about_classes(index, config, say):
    """Say how many videos the classes have where some have ten times as many as others."""
    counts = index.videos_of_classes()
    if config.data.balance != "none" or config.optim.class_weights != "none":
        return
    if counts.max() >= UNEVEN * max(1, counts.min()):
        order = np.argsort(-counts, kind="stable")
        words = [f"{shown(index.labels[c])} {counts[c]:,}" for c in order]
        if len(words) > 2 * NAMED_CLASSES:
            words = [*words[:NAMED_CLASSES], "...", *words[-NAMED_CLASSES:]]
        balance = "" if config.data.multi_label else "--data.balance sqrt or "
        say(
            f"training videos by class: {', '.join(words)}; rare classes are learnt better with "
            f"{balance}--optim.class_weights effective"
        )


def _check_same_videos(folder, config, splits):
    if folder.videos.exists():
        check_videos(folder.videos, splits)
        return
    before = folder.read_config().data
    for name in ("videos", "annotation"):
        if _absolute(getattr(before, name)) != _absolute(getattr(config.data, name)):
            raise UserError(
                f"--data.{name} cannot change: {folder.path} was begun by an earlier version, "
                f"which kept no list of its videos ({folder.videos.name}) to compare with"
            )


def _build_network(config, labels, start, layers, say):
    """The network and its description, from a checkpoint or from where training begins."""
    if start is not None:
        # All tensors come from the checkpoint: the pretrained file may be gone by now.
        source, notes, description = None, [], read_description(start / WEIGHTS)
    else:
        source = find_pretrained(config.model)
        description, notes = describe(config, labels, source)
        if config.data.multi_label:
            description = replace(description, activation="sigmoid")
    network, lines = build_network(description, source, config.model.finetune_from, layers)
    network.dropout, network.recompute = config.model.dropout, config.train.recompute
    for line in (*notes, *lines):
        say(line)
    return network, description


def _build_loaders(config, folder, training, validation):
    """The log of unreadable videos, and the loaders of both splits, which fill it."""
    limit = failure_limit(config.data.max_failures, len(training) + len(validation))
    failures = FailureLog(folder.failures, limit)
    return (
        failures,
        training_loader(config, training, failures.record, limit),
        evaluation_loader(
            config.clip,
            validation,
            config.train.batch_size,
            config.train.workers,
            failures.record,
            config.data.annotation,
        ),
    )


def _build_keeper(config, folder, state):
    wishes = config.checkpoint
    return Checkpoint(
        Checkpoints(folder.checkpoints, state.write, wishes.keep),
        last_epoch=config.train.epochs,
        every_epochs=wishes.every_epochs,
        every_steps=wishes.every_steps,
        monitor=wishes.monitor,
    )


def _introduction(network, description, device, training, validation):
    """One line on what is trained, where, and on how many videos."""
    trained = {n: p for n, p in network.named_parameters() if not p.stop_gradient}
    return (
        f"{description.architecture}-{description.options['depth']}, "
        f"{count_parameters(trained):,} parameters to train, on {device}; "
        f"{counted(len(training.labels), 'class', 'classes')}, "
        f"{counted(len(training), 'video')} to train on, "
        f"{len(validation)} to validate with"
    )


def _as_kept(config, description, layers):
    """The configuration as the run keeps it: settled, and good from any working directory."""
    pretrained = config.model.pretrained
    if pretrained is not None and os.path.exists(pretrained):
        pretrained = _absolute(pretrained)
    data = replace(
        config.data,
        videos=_absolute(config.data.videos),
        annotation=_absolute(config.data.annotation),
    )
    model = replace(settled(config.model, description), pretrained=pretrained)
    # Kernels decide over the last digits: a resume takes the same.
    kernels = "onednn" if isinstance(layers, OneDnnLayers) else "paddle"
    train = replace(config.train, kernels=kernels)
    return replace(config, run_dir=None, resume=False, model=model, data=data, train=train)


def _absolute(path):
    return None if path is None else os.path.abspath(path)


def _dashboard(config, folder, loader, index):
    groups = {group: asdict(getattr(config, group)) for group in SHOWN_GROUPS}
    always = {name: flat_options(config)[name] for name in ALWAYS_COMPARED}
    # No dots: the dashboard's table takes them for a path and shows empty cells.
    compared = {
        name.replace(".", "_"): value for name, value in (always | changed_options(config)).items()
    }

    def draw_clips():
        if loader.first_batch is None:
            return None
        clips, _, rows = (part.numpy() for part in loader.first_batch)
        return contact_sheet(clips, [", ".join(index.classes(row)) for row in rows])

    def draw_confusion(evaluation):
        if config.data.multi_label:
            return None
        return confusion_card(evaluation.confusion(), index.labels, DASHBOARD_PIXELS)

    return VisualDLLog(
        folder.path,
        groups,
        compared,
        draw_clips,
        draw_confusion,
        config.checkpoint.monitor,
        config.train.epochs,
    )


def _say(line, stream=None):
    # A reader that has left (`| head`) does not end a run.
    with contextlib.suppress(BrokenPipeError):
        tqdm.write(line, file=stream or sys.stdout)
        (stream or sys.stdout).flush()
