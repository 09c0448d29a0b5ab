"""Shows a run in the VisualDL dashboard."""

from pathlib import Path

import paddle

from callbacks.visualdl_file import VisualDLFile

LOG_NAME = "vdlrecords.run.log"


class VisualDLLog(paddle.callbacks.Callback):
    """Logs scalars, contact sheets, the confusion matrix, hyper-parameters and the configuration.

    One file per run. A checkpoint remembers how long the file was, and a resumed run cuts it there
    and goes on: one continuous curve, however often the run was killed. Pictures are logged after
    epochs 1, 2, 4, 8, ... and the last one: a long run has few of them.

    Args:
        folder: Folder of the run.
        configuration: Group -> name -> value, shown as text.
        hyper_parameters: Name -> value, for the table that compares runs.
        draw_clips: Returns a contact sheet of training clips, uint8 RGB `[H, W, 3]`, or None.
        draw_confusion: Called with the model's evaluation, returns a picture of its confusions,
            uint8 RGB `[H, W, 3]`, or None.
        monitor: Name of the value that makes an epoch the best, for the same table.
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
        self._file = None
        self._length_at_checkpoint = 0
        self._logged_step = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # hapi skips `on_train_end` on the way out of an exception, and what is not closed is lost.
        if self._file is not None:
            self._file.close()
            self._file = None

    def on_train_begin(self, logs=None):
        self._file = VisualDLFile(self.path, self._length_at_checkpoint)
        if self._file.is_new:
            for group, values in self.configuration.items():
                # The dashboard joins lines, so a text must read well as one.
                line = " | ".join(f"{name}: {value}" for name, value in values.items())
                self._file.add_text(f"configuration/{group}", line)
            metrics = list(dict.fromkeys([f"epoch/{self.monitor}", "epoch/val_loss"]))
            self._file.add_hyper_parameters(self.hyper_parameters, metrics)

    def on_train_batch_end(self, step, logs=None):
        step = self.model.position.step
        # The batches of an accumulation share a step.
        if step == self._logged_step:
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
        for name, value in logs.items():
            if name.startswith(("train_", "val_")):
                self._file.add_scalar(f"epoch/{name}", value, epoch)
        is_power_of_two = epoch & (epoch - 1) == 0
        if is_power_of_two or epoch == self.last_epoch or self.model.stop_training:
            for name, picture in (
                ("confusion", self.draw_confusion(self.model.evaluation)),
                ("training_clips", self.draw_clips()),
            ):
                if picture is not None:
                    self._file.add_image(f"pictures/{name}", picture, epoch)

    def state_dict(self):
        return {"length": self._file.flush(), "logged_step": self._logged_step}

    def set_state_dict(self, state):
        self._length_at_checkpoint = state["length"]
        self._logged_step = state["logged_step"]
