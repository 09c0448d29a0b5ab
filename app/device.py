"""Where to compute."""

import paddle

from app.errors import UserError


def choose_device(name):
    """Make Paddle compute on a device.

    Args:
        name: "auto" (the GPU when Paddle sees one), "cpu", "gpu" or "gpu:0".

    Returns:
        The name of the device chosen: "cpu" or "gpu:0".

    Raises:
        UserError: No such device, or a GPU asked for where Paddle sees none.
    """
    kind, colon, number = name.partition(":")
    # There is one cpu: a number behind it would reach Paddle as that of a GPU.
    if name not in ("auto", "cpu") and (kind != "gpu" or (colon and not number.isdecimal())):
        raise UserError(f"device {name}: use auto, cpu, gpu, or a number such as gpu:0")
    if name == "cpu":
        return _use("cpu")
    if not paddle.is_compiled_with_cuda():
        if name == "auto":
            return _use("cpu")
        raise UserError(
            f"device {name}: this Paddle is the CPU build; `make setup` installs the GPU "
            "build where nvidia-smi finds a GPU"
        )
    n_gpus = paddle.device.cuda.device_count()
    if n_gpus == 0 and name == "auto":
        return _use("cpu")
    if int(number or 0) >= n_gpus:
        raise UserError(f"device {name}: Paddle sees {n_gpus} GPUs")
    # Under `paddle.distributed.launch` every process is told its own GPU.
    own = paddle.distributed.ParallelEnv().device_id
    return _use(f"gpu:{number or own}")


def _use(name):
    paddle.set_device(name)
    return name
