"""python -m app fit: train a 3D ResNet on videos."""

import contextlib
import json
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import paddle
import paddle.distributed as dist

from app.data import read_splits
from app.device import choose_device
from app.errors import UserError
from app.evaluation.confusion import confusion_picture
from app.evaluation.scores import Evaluation
from app.failures import FailureLog, failure_limit
from app.run_folder import RunFolder, config_text
from app.training.contact_sheet import contact_sheet
from app.training.loaders import evaluation_loader, training_loader
from app.training.network import (
    build_network,
    count_parameters,
    describe,
    find_pretrained,
    settled,
)
from app.training.training_state import WEIGHTS, TrainingState, seed_everything
from app.training.video_model import VideoModel
from callbacks import (
    Checkpoint,
    EarlyStopping,
    EpochLog,
    Interrupted,
    Interruption,
    LRSchedule,
    Progress,
    VisualDLLog,
    any_process_agrees,
    checkpoint,
)
from callbacks.epoch_log import drop_epochs_after
from weights.files import read_description

# Width of the confusion matrix on the dashboard, whose log keeps one of every epoch.
DASHBOARD_PIXELS = 1000


@dataclass(frozen=True)
class FitResult:
    """How a run ended.

    Args:
        run_dir: Its folder.
        epochs: Number of finished epochs.
        evaluation: The last validation, or None where there was none.
        failed_videos: Number of videos that could not be read.
        interrupted_by: The signal that ended the run early, or None.
    """

    run_dir: Path
    epochs: int
    evaluation: Evaluation | None
    failed_videos: int
    interrupted_by: int | None = None

    @property
    def exit_code(self):
        return 0 if self.interrupted_by is None else 128 + self.interrupted_by

    def __str__(self):
        lines = []
        if self.interrupted_by is not None:
            lines.append(
                f"stopped after epoch {self.epochs} and saved; continue with: "
                f"python -m app fit --run_dir {self.run_dir} --resume"
            )
        elif self.evaluation is not None:
            lines.append(
                f"finished {self.epochs} epochs: validation video top-1 "
                f"{self.evaluation.video_top1:.4f}, top-5 {self.evaluation.video_top5:.4f}"
            )
        else:
            lines.append(f"all {self.epochs} epochs were finished already")
        if self.failed_videos:
            lines.append(
                f"{self.failed_videos} videos could not be read: {self.run_dir}/failures.jsonl"
            )
        if self.interrupted_by is None:
            lines.append(f"the run: {self.run_dir}")
            lines.append(f"watch it: python -m app board --run_dir {self.run_dir}")
            lines.append(f"evaluate it: python -m app evaluate {self.run_dir}")
        return "\n".join(lines)


def fit(config):
    """Train, or continue to train, a 3D ResNet.

    Args:
        config: ``app.configuration.FitConfig``.

    Returns:
        ``FitResult``.

    Raises:
        UserError: Something about the configuration, the data or the course of the training that
            the user can mend; whatever was saved before stays good.
    """
    _check_values(config)
    device = choose_device(config.train.device)
    folder = _open_folder(config)
    seed_everything(config.train.seed)
    # Optimizer states are saved under Paddle's generated parameter names, which count every
    # network built before in this process; the guard begins the count anew.
    with paddle.utils.unique_name.guard(), ExitStack() as cleanup:
        return _Run(config, folder, device).train(cleanup)


class _Run:
    """The parts of one training run, put together in the order in which they need each other."""

    def __init__(self, config, folder, device):
        self.folder = folder
        self.is_main = dist.get_rank() == 0
        self.start = self._find_start() if config.resume else None

        splits = read_splits(config.data, config.train.seed)
        train, val = splits["train"], splits["val"]
        self.labels = train.labels
        network = self._build_network(config)
        # From here on, what the configuration left open is settled, and kept with the run.
        config = replace(config, model=settled(config.model, self.description))
        self.config = config
        self.text = config_text(replace(config, run_dir=None, resume=False))

        limit = failure_limit(config.data.max_failures, len(train) + len(val))
        self.failures = FailureLog(folder.failures, limit)
        self.loader = training_loader(config, train, self.failures.record, limit)
        self.val_loader = evaluation_loader(
            config.clip,
            val,
            config.train.batch_size,
            config.train.workers,
            self.failures.record,
            config.data.annotation,
        )
        self._build_model(network)
        for note in splits.notes:
            self._say(note)
        self._say(
            f"{config.model.architecture}-{config.model.depth}, "
            f"{count_parameters(network):,} parameters to train, on {device}; "
            f"{len(self.labels)} classes, {len(train)} videos to train on, "
            f"{len(val)} to validate with"
        )

    def _find_start(self):
        """The newest complete checkpoint; says so where one is damaged or there is none."""
        for name in checkpoint.newest_first(self.folder.checkpoints):
            path = self.folder.checkpoints / name
            try:
                checkpoint.check(path)
            except checkpoint.CheckpointError as error:
                self._say(f"damaged checkpoint, the one before is used: {error}", sys.stderr)
            else:
                return path
        self._say(f"{self.folder.path}: no complete checkpoint yet, starting from the beginning")
        return None

    def _build_network(self, config):
        source, notes = None, []
        if self.start is not None:
            # All tensors come from the checkpoint: the pretrained file may be gone by now.
            self.description = read_description(self.start / WEIGHTS)
        else:
            source = find_pretrained(config.model)
            self.description, notes = describe(config, self.labels, source)
        network, lines = build_network(self.description, source, config.model.finetune_from)
        for line in (*notes, *lines):
            self._say(line)
        return network

    def _build_model(self, network):
        recogniser = self.description.recogniser(network)
        self.model = VideoModel(recogniser, len(self.labels), self.loader.sampler.batches_per_epoch)
        optim = self.config.optim
        self.schedule = LRSchedule(
            optim.schedule,
            optim.lr,
            updates_per_epoch=-(-self.model.batches_per_epoch // optim.accumulate),
            epochs=self.config.train.epochs,
            warmup_epochs=optim.warmup_epochs,
            milestones=optim.milestones,
            gamma=optim.gamma,
            patience=optim.patience,
        )
        for parameter in network.head.parameters():
            parameter.optimize_attr["learning_rate"] = optim.head_lr_multiplier
        self.optimizer = paddle.optimizer.Momentum(
            self.schedule.scheduler,
            momentum=optim.momentum,
            use_nesterov=optim.nesterov,
            weight_decay=optim.weight_decay,
            parameters=[p for p in network.parameters() if not p.stop_gradient],
        )
        self.model.prepare_training(self.optimizer)

    def train(self, cleanup):
        """Train to the end, or until a signal.

        Args:
            cleanup: ``ExitStack`` for what must be closed on every way out.

        Returns:
            ``FitResult``.
        """
        config, folder = self.config, self.folder
        metrics = folder.metrics if self.is_main else None
        epoch_log = EpochLog(metrics, lambda: self.loader.wait_seconds)
        early_stopping = EarlyStopping(config.train.early_stopping)
        stateful = {
            "epoch_log": epoch_log,
            "lr_schedule": self.schedule,
            "early_stopping": early_stopping,
        }
        callbacks = [epoch_log, self.schedule, early_stopping]
        if self.is_main:
            dashboard = cleanup.enter_context(self._dashboard())
            stateful["visualdl_log"] = dashboard
            callbacks += [dashboard, Progress(config.train.epochs)]
        state = TrainingState(self.model, self.optimizer, self.description, stateful, self.text)
        keeper = Checkpoint(
            folder.checkpoints,
            state.write,
            last_epoch=config.train.epochs,
            every_epochs=config.checkpoint.every_epochs,
            every_steps=config.checkpoint.every_steps,
            keep=config.checkpoint.keep,
            monitor=config.checkpoint.monitor,
        )
        if self.is_main:
            stateful["checkpoint"] = keeper
            callbacks.append(keeper)
        interruption = cleanup.enter_context(
            Interruption(keeper.save_now if self.is_main else lambda: None, any_process_agrees())
        )

        position = self.model.position
        if self.start is not None:
            state.read(self.start)
            self._say(
                f"resuming from {self.start}: epoch {position.epoch} finished, "
                f"{position.batch} batches of the next one, step {position.step}"
            )
        folder.make()
        if self.is_main:
            folder.config.write_text(self.text)
            folder.labels.write_text(json.dumps(self.labels, ensure_ascii=False, indent=0) + "\n")
            drop_epochs_after(folder.metrics, position.epoch)
            self._say(f"the run is kept in {folder.path}")
        interrupted_by = None
        if position.epoch < config.train.epochs:
            try:
                self.model.fit(
                    self.loader,
                    self.val_loader,
                    config.train.epochs,
                    [*callbacks, interruption],
                    config.optim.accumulate,
                )
            except Interrupted as order:
                interrupted_by = order.signal_number
        return FitResult(
            folder.path,
            position.epoch,
            self.model.evaluation,
            len(self.failures.failed),
            interrupted_by,
        )

    def _dashboard(self):
        def draw_clips():
            if self.loader.first_batch is None:
                return None
            clips, labels = (part.numpy() for part in self.loader.first_batch[:2])
            return contact_sheet(clips, [self.labels[label] for label in labels])

        return VisualDLLog(
            self.folder.path,
            _groups(self.config),
            _hyper_parameters(self.config),
            draw_clips,
            lambda matrix: confusion_picture(matrix, self.labels, "validation", DASHBOARD_PIXELS),
        )

    def _say(self, line, stream=None):
        if self.is_main:
            # A reader that has left (`| head`) does not end a run.
            with contextlib.suppress(BrokenPipeError):
                print(line, file=stream or sys.stdout, flush=True)


def _check_values(config):
    """What the types of the options cannot say."""
    if isinstance(config.data.max_failures, float) and not 0 <= config.data.max_failures <= 1:
        raise UserError(
            f"--data.max_failures {config.data.max_failures}: a whole number of videos, or a share "
            "of them from 0.0 to 1.0"
        )
    if config.data.max_failures < 0:
        raise UserError("--data.max_failures cannot be negative")
    for name in ("crop_scale", "crop_ratio"):
        low, high = getattr(config.clip, name)
        if low > high:
            raise UserError(f"--clip.{name}: the smallest comes first, not {low} before {high}")
    if config.model.conv1_t_size is not None and config.model.conv1_t_size % 2 == 0:
        raise UserError(f"--model.conv1_t_size {config.model.conv1_t_size}: must be odd")


def _open_folder(config):
    if config.resume:
        folder = RunFolder(config.run_dir)
        _check_unchanged(folder.read_config(), config)
        return folder
    name = "demo" if config.data.videos is None else Path(config.data.videos).resolve().name
    return RunFolder.choose(config.run_dir, name)


def _check_unchanged(before, now):
    """Refuse to resume with options that would make it another run."""
    fixed = ["model", "data", "clip"]
    changed = [
        f"--{group}.{name}"
        for group in fixed
        for name, value in asdict(getattr(now, group)).items()
        if value != getattr(getattr(before, group), name) and name not in ("max_failures",)
    ]
    changed += [
        f"--{group}.{name}"
        for group, name in (("train", "seed"), ("train", "batch_size"), ("optim", "accumulate"))
        if getattr(getattr(now, group), name) != getattr(getattr(before, group), name)
    ]
    if changed:
        raise UserError(
            f"--resume continues the run as it was; {', '.join(changed)} cannot change within a run"
        )


def _groups(config):
    groups = ("model", "data", "clip", "train", "optim", "checkpoint")
    return {group: asdict(getattr(config, group)) for group in groups}


def _hyper_parameters(config):
    # No dots: the dashboard's table takes them for a path and shows empty cells.
    groups = _groups(config)
    return {
        f"{group}_{name}": value
        for group in ("optim", "train", "clip", "model")
        for name, value in groups[group].items()
    }
