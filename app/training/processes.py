"""The processes that train together: what they exchange through Paddle."""

import contextlib

import paddle
import paddle.distributed as dist

from app.processes import Processes, ProcessLostError

GO_ON = "go on with --resume"


class TrainingProcesses(Processes):
    """All processes of a training. They meet before they exchange anything through Paddle.

    Args:
        timeout: Seconds to wait for the others.
    """

    def __init__(self, timeout=None):
        super().__init__(GO_ON, timeout)

    def average(self, tensors):
        """Make tensors the means over all processes, in place.

        Args:
            tensors: List of tensors, of the same shapes everywhere.

        Raises:
            ProcessLostError: As for `any`.
        """
        if self.number == 1:
            return
        flat = paddle.concat([tensor.reshape([-1]) for tensor in tensors])
        with self.exchanging():
            dist.all_reduce(flat)
        flat.scale_(1.0 / self.number)
        for tensor, mean in zip(tensors, flat.split([t.size for t in tensors]), strict=True):
            paddle.assign(mean.reshape(tensor.shape), tensor)

    @contextlib.contextmanager
    def exchanging(self):
        """Meet before a block in which Paddle exchanges something between the processes.

        Raises:
            ProcessLostError: As for `any`; or one of them is lost in the block.
        """
        if self.number == 1:
            yield
            return
        self.any(False)
        try:
            yield
        except RuntimeError as error:
            words = str(error).strip().splitlines()[0]
            raise ProcessLostError(
                f"a process of this training was lost in the middle of an exchange ({words}); "
                "its log in the launcher's --log_dir says why, and where it says nothing, it was "
                f"most likely killed because memory ran out; {self.go_on}"
            ) from None
