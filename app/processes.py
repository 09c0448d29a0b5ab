"""What processes that train together must tell each other."""

import paddle
import paddle.distributed as dist


def any_process_agrees():
    """A function that tells whether any process says yes.

    Returns:
        ``bool`` where there is one process; else a function from this process's bool to the same
        bool in all of them, to be called by all.
    """
    if dist.get_world_size() == 1:
        return bool

    def any_of(mine):
        votes = paddle.to_tensor([int(mine)])
        dist.all_reduce(votes)
        return bool(int(votes) > 0)

    return any_of
