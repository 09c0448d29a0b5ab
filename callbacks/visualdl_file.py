"""A VisualDL log file that is written where it is told to be, when it is told to."""

import os
import time
from pathlib import Path

from visualdl.component.base_component import hparam, image, meta_data, scalar, text
from visualdl.writer.record_writer import RecordWriter

SECONDS_BETWEEN_FLUSHES = 10


class VisualDLFile:
    """Writes the records of one run.

    VisualDL's own `LogWriter` writes from a thread of its own: a full disk ends that thread, and
    the next flush waits for it for ever. Here it is an `OSError` of the call that writes.

    Args:
        path: The file; its name begins with `vdlrecords.`.
        length: How much of a file that is there to keep; 0 begins anew.
    """

    def __init__(self, path, length):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab")  # noqa: SIM115 - open as long as the run lasts
        self.is_new = length == 0 or self._file.tell() == 0
        self._file.truncate(min(length, self._file.tell()))
        self._records = RecordWriter(self._file)
        self._flushed_at = 0.0
        # No name for the run: the dashboard then shows its path, which is right after a move.
        self._add(meta_data, display_name="")

    def add_scalar(self, tag, value, step):
        """Add a point of a curve."""
        self._add(scalar, tag=tag, value=value, step=step)

    def add_image(self, tag, picture, step):
        """Add a picture, uint8 RGB `[H, W, 3]`."""
        self._add(image, tag=tag, image_array=picture, step=step)

    def add_text(self, tag, line):
        """Add a text of one line."""
        self._add(text, tag=tag, text_string=line, step=0)

    def add_hyper_parameters(self, values, metrics):
        """Add the run's row of the table that compares runs.

        Args:
            values: Name -> value; what is no number is shown as text.
            metrics: Tags of the curves that stand beside them.
        """
        plain = {name: _plain(value) for name, value in values.items()}
        self._add(hparam, name=str(self.path), hparam_dict=plain, metric_list=metrics)

    def flush(self):
        """Write out what has been added; returns the length of the file in bytes."""
        self._file.flush()
        self._flushed_at = time.monotonic()
        return os.fstat(self._file.fileno()).st_size

    def close(self):
        """Write out what has been added, and close the file, even if that fails."""
        self._file.close()

    def _add(self, make, **values):
        record = make(**values, walltime=round(time.time() * 1000))
        self._records.write(record.SerializeToString())
        if time.monotonic() - self._flushed_at > SECONDS_BETWEEN_FLUSHES:
            self.flush()


def _plain(value):
    # Numbers from a command line may be of types of their own, which VisualDL does not know; and
    # it fails on a bool or None.
    for kind in (int, float):
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind(value)
    return str(value)
