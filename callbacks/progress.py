"""What a person sees of a run while it goes on."""

import contextlib
import shutil
import sys
import time

import paddle


class Progress(paddle.callbacks.Callback):
    """A live line in a terminal, plain lines in a pipe, and one line per epoch in both.

    Args:
        epochs: Number of epochs of the whole run.
        stream: Where to print.
        seconds_between_lines: How often a pipe gets a line within an epoch.

    Example:
        model.fit(..., callbacks=[EpochLog(...), Progress(epochs=200)])
    """

    def __init__(self, epochs, stream=None, seconds_between_lines=30):
        super().__init__()
        self.epochs = epochs
        self.stream = stream or sys.stdout
        self.live = self.stream.isatty()
        self.seconds_between_lines = seconds_between_lines
        self._shown_at = 0.0
        self._n_batches = 0
        self._live_width = 0

    def on_train_begin(self, logs=None):
        self._shown_at = time.monotonic()

    def on_train_batch_end(self, step, logs=None):
        position = self.model.position
        running = self.model.training_metrics.result()
        n_batches = self.model.batches_per_epoch
        remaining = (n_batches - position.batch) + (self.epochs - position.epoch - 1) * n_batches
        seconds = remaining * logs["batch_size"] / max(logs["clips_per_second"], 1e-9)
        # Short enough for a terminal of 80 columns.
        self._show(
            f"epoch {position.epoch + 1}/{self.epochs} {position.batch}/{n_batches} "
            f"loss {running['train_loss']:.3f} top-1 {running['train_top1']:.3f} "
            f"{logs['clips_per_second']:.1f} clips/s, {logs['data_wait']:.0%} waiting, "
            f"{_duration(seconds)} left"
        )

    def on_eval_begin(self, logs=None):
        self._n_batches = logs["steps"]

    def on_eval_batch_end(self, step, logs=None):
        self._show(
            f"epoch {self.model.position.epoch + 1}/{self.epochs} "
            f"validation {step + 1}/{self._n_batches}"
        )

    def on_eval_end(self, logs=None):
        self._clear()
        self._write(
            f"epoch {logs['epoch']}/{self.epochs}  loss {logs['train_loss']:.4f}  "
            f"top-1 {logs['train_top1']:.3f}  |  validation: loss {logs['val_loss']:.4f}  "
            f"clip top-1 {logs['val_clip_top1']:.3f} top-5 {logs['val_clip_top5']:.3f}  "
            f"video top-1 {logs['val_video_top1']:.3f} top-5 {logs['val_video_top5']:.3f}  |  "
            f"{logs['clips_per_second']:.1f} clips/s, waiting for data {logs['data_wait']:.0%}\n"
        )
        self._shown_at = time.monotonic()

    def _show(self, line):
        if self.live:
            # A line that wraps cannot be written over.
            line = line[: shutil.get_terminal_size().columns - 1]
            padding = " " * max(0, self._live_width - len(line))
            self._live_width = len(line)
            self._write("\r" + line + padding)
        elif time.monotonic() - self._shown_at >= self.seconds_between_lines:
            self._shown_at = time.monotonic()
            self._write(line + "\n")

    def _clear(self):
        if self.live:
            self._write("\r" + " " * self._live_width + "\r")
            self._live_width = 0

    def _write(self, text):
        # Whoever read along (`| tee`, a closed terminal) may leave; the run goes on.
        with contextlib.suppress(BrokenPipeError):
            self.stream.write(text)
            self.stream.flush()


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
