"""What keeps, shows and steers a training run: one class per file."""

from callbacks.checkpoint import Checkpoint
from callbacks.early_stopping import EarlyStopping
from callbacks.epoch_log import EpochLog
from callbacks.failure_watch import FailureWatch
from callbacks.interruption import Interrupted, Interruption
from callbacks.lr_schedule import LRSchedule
from callbacks.progress import Progress
from callbacks.visualdl_log import VisualDLLog

__all__ = [
    "Checkpoint",
    "EarlyStopping",
    "EpochLog",
    "FailureWatch",
    "Interrupted",
    "Interruption",
    "LRSchedule",
    "Progress",
    "VisualDLLog",
]
