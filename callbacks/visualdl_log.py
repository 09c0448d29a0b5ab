"""Shows a run in the VisualDL dashboard."""

import contextlib
import io
import os
from pathlib import Path

import paddle
from visualdl import LogWriter

LOG_NAME = "vdlrecords.run.log"


class VisualDLLog(paddle.callbacks.Callback):
    """Logs scalars, contact sheets, the confusion matrix, hyper-parameters and the configuration.

    One file per run. A checkpoint remembers how long the file was, and a resumed run cuts it there
    and goes on: one continuous curve, however often the run was killed.

    Args:
        folder: Folder of the run.
        configuration: Group -> name -> value, shown as text.
        hyper_parameters: Name -> number or text, for the table that compares runs.
        draw_clips: Returns a contact sheet of training clips, uint8 RGB `[H, W, 3]`, or None.
        draw_confusion: Called with the confusion matrix, int `[n_classes, n_classes]`, returns a
            uint8 RGB picture `[H, W, 3]`.
        every_steps: How many updates lie between two values of the training curves.

    Example:
        log = VisualDLLog("runs/mine", groups, {"lr": 0.1}, draw_clips, draw_confusion)
        with log:
            model.fit(..., callbacks=[log])
    """

    def __init__(
        self, folder, configuration, hyper_parameters, draw_clips, draw_confusion, every_steps=1
    ):
        super().__init__()
        self.path = Path(folder) / LOG_NAME
        self.configuration = configuration
        self.hyper_parameters = hyper_parameters
        self.draw_clips = draw_clips
        self.draw_confusion = draw_confusion
        self.every_steps = every_steps
        self._writer = None
        self._length_at_checkpoint = 0
        self._logged_step = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # hapi skips `on_train_end` on the way out of an exception, and what is not closed is lost.
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def on_train_begin(self, logs=None):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = self._length_at_checkpoint == 0 or not self.path.exists()
        if is_new:
            self.path.unlink(missing_ok=True)
        else:
            os.truncate(self.path, min(self._length_at_checkpoint, self.path.stat().st_size))
        # VisualDL swaps its two arguments: this flushes every 10 seconds from a queue of 120. And
        # it says on the screen that the file exists, which is what we want.
        with contextlib.redirect_stdout(io.StringIO()):
            self._writer = LogWriter(
                str(self.path.parent),
                max_queue=10,
                flush_secs=120,
                file_name=self.path.name,
                display_name=self.path.parent.name,
            )
        if is_new:
            for group, values in self.configuration.items():
                # The dashboard joins lines, so a text must read well as one.
                text = " | ".join(f"{name}: {value}" for name, value in values.items())
                self._writer.add_text(f"configuration/{group}", text, 0)
            # VisualDL takes numbers and texts, but fails on a bool or None. The metrics beside
            # them come from the scalars of these names.
            values = {
                name: value if type(value) in (int, float, str) else str(value)
                for name, value in self.hyper_parameters.items()
            }
            self._writer.add_hparams(values, ["epoch/val_video_top1", "epoch/val_loss"])

    def on_train_batch_end(self, step, logs=None):
        step = self.model.position.step
        if step == self._logged_step or step % self.every_steps:
            return
        self._logged_step = step
        running = self.model.training_metrics.result()
        for tag, value in (
            ("train/loss", logs["loss"][0]),
            ("train/top1", running["train_top1"]),
            ("train/learning_rate", logs["lr"]),
            ("train/gradient_norm", self.model.gradient_norm),
            ("speed/clips_per_second", logs["clips_per_second"]),
            ("speed/data_wait", logs["data_wait"]),
        ):
            self._writer.add_scalar(tag, value, step)

    def on_epoch_end(self, epoch, logs=None):
        sheet = self.draw_clips()
        if sheet is not None:
            self._writer.add_image("pictures/training_clips", sheet, self.model.position.epoch + 1)

    def on_eval_end(self, logs=None):
        epoch = logs["epoch"]
        for name, value in logs.items():
            if name.startswith(("train_", "val_")):
                self._writer.add_scalar(f"epoch/{name}", value, epoch)
        picture = self.draw_confusion(self.model.evaluation.confusion())
        self._writer.add_image("pictures/confusion", picture, epoch)

    def state_dict(self):
        self._writer.flush()
        return {"length": self.path.stat().st_size, "logged_step": self._logged_step}

    def set_state_dict(self, state):
        self._length_at_checkpoint = state["length"]
        self._logged_step = state["logged_step"]
