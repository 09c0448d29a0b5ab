"""How clips reach the device: on a GPU while the batch before is computed with."""

import paddle

# Batches whose copies are under way while another is computed with, on a GPU.
AHEAD = 1


class DeviceCopies:
    """Copies arrays to the device that Paddle is set to.

    On a GPU a copy begins in memory that the device reads by itself, on a stream of its own; on a
    CPU, and where there is no such memory, it is complete at once.

    Attributes:
        ahead: How many copies should be under way while another array is computed with.
    """

    def __init__(self):
        self._stream = _copy_stream()
        self.ahead = AHEAD if self._stream else 0

    def start(self, array):
        """Begin a copy.

        Args:
            array: NumPy array; it may change as soon as this returns.

        Returns:
            A function that waits for the end of the copy and returns the tensor. The memory of the
            tensor may be filled anew once it is dropped, so whoever has launched work on it waits
            for that first: a training step ends with numbers that it reads.
        """
        if self._stream is None:
            tensor = paddle.to_tensor(array)
            return lambda: tensor
        pinned = paddle.to_tensor(array, place=paddle.CUDAPinnedPlace())
        with paddle.device.stream_guard(self._stream):
            tensor = pinned.cuda(blocking=False)
        copied = self._stream.record_event()

        def finish(source=pinned):
            # The source is held until here: its memory, too, is filled anew once it is dropped.
            copied.synchronize()
            return tensor

        return finish


def _copy_stream():
    """A stream for copies, or None on a CPU and where such copies cannot be had."""
    if not _on_gpu():
        return None
    try:
        paddle.to_tensor([0], place=paddle.CUDAPinnedPlace())
        return paddle.device.Stream()
    except (RuntimeError, OSError, ValueError):
        return None


def _on_gpu():
    return paddle.get_device().startswith("gpu")
