import fcntl
import io
import os
import pty
import struct
import termios

from tqdm import tqdm

from callbacks.progress import Progress
from tests.callbacks.stand_in import StandIn

BATCH = {"lr": 0.1, "batch_size": 8, "clips_per_second": 16.0, "data_wait": 0.25}
EPOCH = {
    "epoch": 1,
    "train_loss": 1.5,
    "train_top1": 0.25,
    "val_loss": 2.0,
    "val_clip_top1": 0.1,
    "val_clip_top5": 0.2,
    "val_video_top1": 0.3,
    "val_video_top5": 0.4,
    **BATCH,
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, **options):
    callback = Progress(epochs=2, stream=stream, **options)
    callback.set_model(StandIn())
    callback.on_train_begin()
    for _ in range(4):
        callback.model.position.batch += 1
        callback.on_train_batch_end(0, BATCH)
    callback.on_eval_begin({"steps": 1})
    callback.on_eval_batch_end(0, {})
    callback.on_eval_end(EPOCH)
    return stream.getvalue()


def test_a_pipe_gets_plain_lines_and_not_too_many():
    text = shown(io.StringIO())
    assert text.count("\n") == 1 and "\r" not in text
    assert "epoch 1/2  loss 1.5000  top-1 0.250" in text
    assert "video top-1 0.300" in text and "waiting for data 25%" in text


def test_a_long_epoch_in_a_pipe_shows_where_it_is():
    text = shown(io.StringIO(), seconds_between_lines=0)
    # Seven batches of 8 clips remain after the first, at 16 clips per second.
    assert "epoch 1/2 1/4" in text and "16.0 clips/s, 25% waiting" in text and "4 s left" in text


def test_a_run_goes_on_when_nobody_reads_any_more():
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    shown(Closed(), seconds_between_lines=0)


def test_a_live_line_fits_its_terminal():
    reading, writing = pty.openpty()
    rows, columns = 10, 40
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with open(writing, "w") as terminal:
        callback = Progress(epochs=2, stream=terminal)
        callback.set_model(StandIn())
        callback.on_train_batch_end(0, BATCH)
        live = os.read(reading, 1000).decode().split("\r")[1]
    os.close(reading)
    assert live.startswith("epoch 1/2") and len(live) == columns - 1


def test_a_message_of_others_stands_on_a_line_of_its_own():
    terminal = Terminal()
    with Progress(epochs=2, stream=terminal) as callback:
        callback.set_model(StandIn())
        callback.on_train_batch_end(0, BATCH)
        tqdm.write("cannot read this video", file=terminal)
    before, message, after = terminal.getvalue().partition("cannot read this video\n")
    # The live line is overwritten with spaces before, and drawn again behind the message.
    assert message and before.endswith("\r") and not before.rsplit("\r", 2)[1].strip()
    assert after.startswith("\repoch 1/2") and not after.rsplit("\r", 2)[1].strip()


def test_five_classes_or_fewer_have_no_top_5():
    for n_classes, times in ((5, 0), (6, 2)):
        stream = io.StringIO()
        callback = Progress(epochs=2, stream=stream)
        callback.set_model(StandIn(n_classes=n_classes))
        callback.on_eval_end(EPOCH)
        assert stream.getvalue().count("top-5") == times


def test_a_terminal_gets_one_live_line():
    text = shown(Terminal())
    assert text.count("\n") == 1
    assert "\repoch 1/2 1/4" in text and "\repoch 1/2 validation 1/1" in text
