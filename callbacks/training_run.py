"""What callbacks know of the model whose training they follow."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass
class Position:
    """How far a run has come.

    Args:
        epoch: Number of finished epochs, validation included.
        batch: Number of batches trained in the epoch under way.
        step: Number of optimizer updates since the beginning.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0


@runtime_checkable
class TrainingRun(Protocol):
    """The part of a model that callbacks use; all of it is theirs to read, one is to write.

    Args:
        position: How far the run has come; an epoch counts before its `on_eval_end`.
        batches_per_epoch: Number of training batches of an epoch.
        n_classes: Number of outputs of the network.
        learning_rate: That of the next update.
        gradient_norm: Euclidean norm of the gradient of the last update.
        accumulating: Whether gradients wait for the batches that complete their update.
        training_so_far: `{"train_loss", "train_top1"}` over the clips of the epoch under way;
            empty before the first.
        evaluation: What the last validation found; `evaluation.confusion()` is int
            `[n_classes, n_classes]`, videos by true (row) and predicted class.
        stop_training: Set by a callback to end the run after the epoch under way.
    """

    position: Position
    batches_per_epoch: int
    n_classes: int
    learning_rate: float
    gradient_norm: float
    accumulating: bool
    training_so_far: dict[str, float]
    evaluation: Any
    stop_training: bool
