"""Shows a run in the VisualDL dashboard."""

from pathlib import Path

import paddle

from callbacks.best_value import BestValue
from callbacks.visualdl_file import VisualDLFile

LOG_NAME = "vdlrecords.run.log"
# The dashboard draws a line for each folder: what both training and validation have, such as the
# loss, stands in one chart when validation logs it below the run.
VALIDATION = Path("val") / LOG_NAME
# The dashboard shows a thousand points of a curve; more would only make the log grow.
POINTS = 1000


class VisualDLLog(paddle.callbacks.Callback):
    """Logs scalars, contact sheets, the confusion matrix, hyper-parameters and the configuration.

    One file for the run, and one for what validation has beside training. A checkpoint remembers
    how long they were, and a resumed run cuts them there and goes on: one continuous curve, however
    often the run was killed. Pictures are logged after epochs 1, 2, 4, 8, ... and the last one: a
    long run has few of them.

    Args:
        folder: Folder of the run.
        configuration: Group -> name -> value, shown as text.
        hyper_parameters: Name -> value, for the table that compares runs.
        draw_clips: Returns a contact sheet of training clips, uint8 RGB `[H, W, 3]`, or None.
        draw_confusion: Called with the model's evaluation, returns a picture of its confusions,
            uint8 RGB `[H, W, 3]`, or None.
        monitor: Name of the value that makes an epoch the best, in the same table.
        last_epoch: Number of epochs of the whole run.

    Example:
        log = VisualDLLog("runs/mine", groups, {"lr": 0.1}, draw_clips, draw_confusion, metric, 200)
        with log:
            model.fit(..., callbacks=[log])
    """

    def __init__(
        self,
        folder,
        configuration,
        hyper_parameters,
        draw_clips,
        draw_confusion,
        monitor,
        last_epoch,
    ):
        super().__init__()
        self.path = Path(folder) / LOG_NAME
        self.configuration = configuration
        self.hyper_parameters = hyper_parameters
        self.draw_clips = draw_clips
        self.draw_confusion = draw_confusion
        self.monitor = monitor
        self.last_epoch = last_epoch
        self.best = BestValue(monitor)
        self._best_tag = f"epoch/best_{monitor.removeprefix('val_')}"
        self._file = self._validation = None
        self._lengths = (0, 0)
        self._logged_step = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # hapi skips `on_train_end` on the way out of an exception, and what is not closed is lost.
        for file in (self._file, self._validation):
            if file is not None:
                file.close()
        self._file = self._validation = None

    def on_train_begin(self, logs=None):
        length, validation_length = self._lengths
        self._file = VisualDLFile(self.path, length)
        self._validation = VisualDLFile(self.path.parent / VALIDATION, validation_length)
        if self._file.is_new:
            for group, values in self.configuration.items():
                # The dashboard joins lines, so a text must read well as one.
                line = " | ".join(f"{name}: {value}" for name, value in values.items())
                self._file.add_text(f"configuration/{group}", line)
            self._file.add_hyper_parameters(self.hyper_parameters, [self._best_tag])

    def on_train_batch_end(self, step, logs=None):
        step = self.model.position.step
        every = max(1, self.last_epoch * self.model.batches_per_epoch // POINTS)
        # The batches of an accumulation share a step.
        if step == self._logged_step or step % every:
            return
        self._logged_step = step
        for tag, value in (
            ("train/loss", logs["loss"][0]),
            ("train/top1", self.model.training_so_far["train_top1"]),
            ("train/learning_rate", logs["lr"]),
            ("train/gradient_norm", self.model.gradient_norm),
            ("speed/clips_per_second", logs["clips_per_second"]),
            ("speed/data_wait", logs["data_wait"]),
        ):
            self._file.add_scalar(tag, value, step)

    def on_eval_end(self, logs=None):
        epoch = logs["epoch"]
        self.best.update(logs[self.monitor], epoch)
        # Charts stand in the order in which they are first heard of.
        self._add(epoch, "loss", logs.get("train_loss"), logs["val_loss"])
        # Mean average precision comes in its place where videos have several labels.
        for name in ("video_map", "video_top1"):
            self._add(epoch, name, logs.get(f"val_{name}"))
        self._add(epoch, "learning_rate", logs.get("lr"))
        self._add(epoch, "clip_top1", logs.get("train_top1"), logs["val_clip_top1"])
        # Five classes are always among the five best.
        if self.model.n_classes > 5:
            self._add(epoch, "video_top5", logs["val_video_top5"])
            self._add(epoch, "clip_top5", logs["val_clip_top5"])
        self._file.add_scalar(self._best_tag, self.best.value, epoch)
        is_power_of_two = epoch & (epoch - 1) == 0
        if is_power_of_two or epoch == self.last_epoch or self.model.stop_training:
            for name, picture in (
                ("confusion", self.draw_confusion(self.model.evaluation)),
                ("training_clips", self.draw_clips()),
            ):
                if picture is not None:
                    self._file.add_image(f"pictures/{name}", picture, epoch)

    def state_dict(self):
        return {
            "length": self._file.flush(),
            "validation_length": self._validation.flush(),
            "logged_step": self._logged_step,
            "best": self.best.value,
        }

    def set_state_dict(self, state):
        # Earlier versions had one file.
        self._lengths = state["length"], state.get("validation_length", 0)
        self._logged_step, self.best.value = state["logged_step"], state.get("best")

    def _add(self, epoch, name, value, validation=None):
        """Add a point to a chart of epochs, and the one of validation beside it."""
        if value is not None:
            self._file.add_scalar(f"epoch/{name}", value, epoch)
        if validation is not None:
            self._validation.add_scalar(f"epoch/{name}", validation, epoch)
