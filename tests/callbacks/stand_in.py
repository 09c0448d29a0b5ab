"""A model that has what callbacks look at, and no network."""

from dataclasses import dataclass, field
from typing import Any

from callbacks.training_run import Position


@dataclass
class StandIn:
    """A `TrainingRun`."""

    position: Position = field(default_factory=Position)
    batches_per_epoch: int = 4
    n_classes: int = 10
    learning_rate: float = 0.1
    gradient_norm: float = 1.0
    accumulating: bool = False
    training_so_far: dict = field(default_factory=lambda: {"train_loss": 1.5, "train_top1": 0.25})
    evaluation: Any = None
    stop_training: bool = False


def finish_epoch(callback, **logs):
    """Tell a callback that one more epoch is trained and validated."""
    position = callback.model.position
    position.epoch, position.batch = position.epoch + 1, 0
    callback.on_eval_end(logs)
