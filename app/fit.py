"""python -m app fit: train a 3D ResNet on videos."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import paddle
import paddle.distributed as dist

from app.device import choose_device
from app.errors import UserError, writing
from app.evaluation.scores import Evaluation
from app.report import refresh
from app.run_folder import RunFolder
from app.training.resuming import continued
from app.training.run import train
from app.training.soundness import describe_checkpoints
from app.training.training_state import seed_everything
from app.training.video_model import NonFiniteLossError
from callbacks.best_value import BestValue
from datasets.index.video_index import INDEX_NAME
from datasets.shown import counted


@dataclass(frozen=True)
class FitResult:
    """How a run ended.

    Args:
        run_dir: Its folder.
        epochs: Number of finished epochs.
        evaluation: The last validation, or None where there was none.
        best: The best epoch so far, by `monitor`.
        monitor: Name of the value that makes an epoch the best.
        failed_videos: Number of videos that could not be read.
        interrupted_by: The signal that ended the run early, or None.
    """

    run_dir: Path
    epochs: int
    evaluation: Evaluation | None
    best: BestValue
    monitor: str
    failed_videos: int
    interrupted_by: int | None = None

    @property
    def exit_code(self):
        return 0 if self.interrupted_by is None else 128 + self.interrupted_by

    def __str__(self):
        epochs = counted(self.epochs, "epoch")
        lines = []
        if self.interrupted_by is not None:
            lines.append(
                f"stopped after {epochs} and saved; continue with: "
                f"python -m app fit --run_dir {self.run_dir} --resume"
            )
        elif self.evaluation is not None:
            lines.append(f"finished {epochs}")
        else:
            lines.append(f"nothing left to train: {epochs} finished already")
        if self.best.epoch is not None:
            lines.append(f"best: epoch {self.best.epoch}, {self.monitor} {self.best.value:.4f}")
        if self.evaluation is not None:
            # Five classes are always among the five best.
            has_top5 = self.evaluation.scores.shape[1] > 5
            top5 = f", top-5 {self.evaluation.video_top5:.4f}" if has_top5 else ""
            precision = self.evaluation.video_map
            precision = "" if precision is None else f"mAP {precision:.4f}, "
            lines.append(
                f"last: epoch {self.epochs}, validation {precision}video top-1 "
                f"{self.evaluation.video_top1:.4f}{top5}"
            )
        if self.failed_videos:
            lines.append(
                f"{counted(self.failed_videos, 'video')} could not be read: "
                f"{self.run_dir}/failures.jsonl"
            )
        if self.interrupted_by is None:
            lines.append(f"the run: {self.run_dir}")
            lines.append(f"look at it: {self.run_dir}/report.html")
            lines.append(f"watch it: python -m app board --run_dir {self.run_dir}")
            lines.append(f"evaluate it: python -m app evaluate {self.run_dir}")
        return "\n".join(lines)


def fit(config):
    """Train, or continue to train, a 3D ResNet.

    Args:
        config: `app.configuration.FitConfig`.

    Returns:
        `FitResult`.

    Raises:
        UserError: Something about the configuration, the data, the disk or the course of the
            training that the user can mend; whatever was saved before stays good.
    """
    _check_values(config)
    device = choose_device(config.train.device)
    if config.train.sync_batch_norm and device == "cpu":
        raise UserError(
            "--train.sync_batch_norm: Paddle has it for GPUs only, and the device is the cpu"
        )
    if config.train.precision == "fp16" and device == "cpu":
        raise UserError(
            "--train.precision fp16: is for GPUs, and the device is the cpu; take fp32 or bf16"
        )
    config = _with_monitor(config)
    if config.resume:
        folder = RunFolder(config.run_dir)
        config = continued(folder.read_config(), config)
    else:
        folder = RunFolder.choose(config.run_dir, _run_name(config.data))
    seed_everything(config.train.seed)

    def kept():
        return describe_checkpoints(folder.checkpoints)

    try:
        # Optimizer states are saved under Paddle's generated parameter names, which count every
        # network built before in this process; the guard begins the count anew.
        with writing(folder.path, kept), paddle.utils.unique_name.guard(), ExitStack() as cleanup:
            result = FitResult(folder.path, **train(config, folder, device, cleanup))
    except NonFiniteLossError as error:
        raise NonFiniteLossError(f"{error}; {kept()}") from None
    if dist.get_rank() == 0:
        refresh(folder.path)
    return result


def _check_values(config):
    """What the types of the options cannot say."""
    if config.resume and config.run_dir is None:
        raise UserError("--resume continues the run in --run_dir: name the folder")
    if isinstance(config.data.max_failures, float) and not 0 <= config.data.max_failures <= 1:
        raise UserError(
            f"--data.max_failures {config.data.max_failures}: a whole number of videos, or a share "
            "of them from 0.0 to 1.0"
        )
    if config.data.max_failures < 0:
        raise UserError("--data.max_failures cannot be negative")
    for name in ("crop_scale", "crop_ratio", "random_stride"):
        low, high = getattr(config.clip, name) or (0, 0)
        if low > high:
            raise UserError(f"--clip.{name}: the smallest comes first, not {low} before {high}")
    if config.clip.hue > 0.5:
        raise UserError(
            f"--clip.hue {config.clip.hue}: half of the colour circle, 0.5, is the most"
        )
    for name, value in (
        ("model.dropout", config.model.dropout),
        ("optim.label_smoothing", config.optim.label_smoothing),
        ("optim.ema", config.optim.ema),
    ):
        if value == 1:
            raise UserError(f"--{name} 1: would leave nothing to learn from; it must be below 1")
    if config.data.multi_label and config.data.balance != "none":
        raise UserError(
            f"--data.balance {config.data.balance}: a video of several labels belongs to no single "
            "class that could be visited more often; use --optim.class_weights with "
            "--data.multi_label"
        )
    if config.checkpoint.monitor == "val_video_map" and not config.data.multi_label:
        raise UserError("--checkpoint.monitor val_video_map: exists with --data.multi_label only")
    if config.model.conv1_t_size is not None and config.model.conv1_t_size % 2 == 0:
        raise UserError(f"--model.conv1_t_size {config.model.conv1_t_size}: must be odd")


def _with_monitor(config):
    monitor = config.checkpoint.monitor
    if monitor is None:
        monitor = "val_video_map" if config.data.multi_label else "val_video_top1"
    return replace(config, checkpoint=replace(config.checkpoint, monitor=monitor))


def _run_name(data):
    """The name of a new run: that of its videos, or of what lists them."""
    if data.videos is not None:
        return Path(data.videos).resolve().name
    if data.annotation is not None:
        annotation = Path(data.annotation).resolve()
        return annotation.parent.name if annotation.name == INDEX_NAME else annotation.stem
    return "demo"
