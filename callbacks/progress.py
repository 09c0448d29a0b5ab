"""What a person sees of a run while it goes on."""

import contextlib
import sys
import time

import paddle
from tqdm import tqdm


class Progress(paddle.callbacks.Callback):
    """A live line in a terminal, plain lines in a pipe, and one line per epoch in both.

    Used as a context manager around the run, so that the live line is gone on every way out.
    Messages of others leave it whole when they are printed by `tqdm.write`.

    Args:
        epochs: Number of epochs of the whole run.
        stream: Where to print.
        seconds_between_lines: How often a pipe gets a line within an epoch.

    Example:
        with Progress(epochs=200) as progress:
            model.fit(..., callbacks=[EpochLog(...), progress])
    """

    def __init__(self, epochs, stream=None, seconds_between_lines=30):
        super().__init__()
        self.epochs = epochs
        self.stream = stream or sys.stdout
        self.seconds_between_lines = seconds_between_lines
        # The bar fills what the text leaves of the terminal's width.
        self._bar = tqdm(
            bar_format="{desc} {bar}",
            file=self.stream,
            disable=not self.stream.isatty(),
            leave=False,
            dynamic_ncols=True,
            delay=1e-9,
        )
        self._shown_at = time.monotonic()
        self._n_batches = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self._bar.close()

    def on_train_batch_end(self, step, logs=None):
        position = self.model.position
        running = self.model.training_so_far
        n_batches = self.model.batches_per_epoch
        remaining = (n_batches - position.batch) + (self.epochs - position.epoch - 1) * n_batches
        seconds = remaining * logs["batch_size"] / max(logs["clips_per_second"], 1e-9)
        # Short enough for a terminal of 80 columns.
        self._show(
            f"epoch {position.epoch + 1}/{self.epochs} {position.batch}/{n_batches} "
            f"loss {running['train_loss']:.3f} top-1 {running['train_top1']:.3f} "
            f"{logs['clips_per_second']:.1f} clips/s, {logs['data_wait']:.0%} waiting, "
            f"{_duration(seconds)} left",
            position.batch,
            n_batches,
        )

    def on_eval_begin(self, logs=None):
        self._n_batches = logs["steps"]

    def on_eval_batch_end(self, step, logs=None):
        self._show(
            f"epoch {self.model.position.epoch + 1}/{self.epochs} "
            f"validation {step + 1}/{self._n_batches}",
            step + 1,
            self._n_batches,
        )

    def on_eval_end(self, logs=None):
        # Five classes are always among the five best.
        with_top5 = self.model.n_classes > 5
        clip_top5, video_top5 = (
            f" top-5 {logs[name]:.3f}" if with_top5 else ""
            for name in ("val_clip_top5", "val_video_top5")
        )
        precision = f"mAP {logs['val_video_map']:.3f}  " if "val_video_map" in logs else ""
        self._print(
            f"epoch {logs['epoch']}/{self.epochs}  loss {logs['train_loss']:.4f}  "
            f"top-1 {logs['train_top1']:.3f}  |  validation: loss {logs['val_loss']:.4f}  "
            f"{precision}clip top-1 {logs['val_clip_top1']:.3f}{clip_top5}  "
            f"video top-1 {logs['val_video_top1']:.3f}{video_top5}  |  "
            f"{logs['clips_per_second']:.1f} clips/s, waiting for data {logs['data_wait']:.0%}"
        )

    def _show(self, line, done, total):
        if self._bar.disable:
            if time.monotonic() - self._shown_at >= self.seconds_between_lines:
                self._print(line)
            return
        self._bar.n, self._bar.total = done, total
        with contextlib.suppress(BrokenPipeError):
            self._bar.set_description_str(line)

    def _print(self, line):
        self._shown_at = time.monotonic()
        # Whoever read along (`| tee`, a closed terminal) may leave; the run goes on.
        with contextlib.suppress(BrokenPipeError):
            tqdm.write(line, file=self.stream)
            self.stream.flush()


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
