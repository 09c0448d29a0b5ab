"""Makes PyTorch checkpoints with the golden weights, in every form in which they are met.

Whoever imports it is skipped where PyTorch is not installed.
"""

import numpy as np
import paddle
import pytest

import models
from tests import golden
from weights.conversion import sha256

torch = pytest.importorskip("torch", reason="needs PyTorch, which is not installed here")

SMALL = {"depth": 10, "widen_factor": 0.25, "n_classes": 5, "conv1_t_size": 3}


def tensors(arrays):
    """A PyTorch state dict of name -> array."""
    return {
        name: torch.from_numpy(np.ascontiguousarray(array)).reshape(array.shape)
        for name, array in arrays.items()
    }


def published(name, path):
    """Write one of the 17 as the authors published it."""
    entry = golden.published()[name]
    torch.save(
        {
            "epoch": 200,
            "arch": f"resnet-{entry['depth']}",
            "state_dict": tensors(golden.state_dict(entry["depth"], entry["n_classes"])),
        },
        path,
    )


def published_variant(name, folder):
    """Write the file of a golden variant in the form in which its authors publish such files.

    Returns:
        Path of the file, which has the published name where there is one.
    """
    variant, state = golden.variants()[name], tensors(golden.variant_state_dict(name))
    name = name.removeprefix("torchvision-")
    return as_published(variant["family"], variant["depth"], state, folder, name)


def as_published(architecture, depth, state, folder, name):
    """Write a state dict in the form in which the authors of its family publish such files.

    Returns:
        Path of the file.
    """
    if architecture.startswith("torchvision_"):
        # The bare state dict, with the digits of its SHA-256 in its name.
        torch.save(state, folder / "new.pth")
        digits = sha256(folder / "new.pth")[:8]
        return (folder / "new.pth").rename(folder / f"{name}-{digits}.pth")
    counted = any(tensor.endswith(".num_batches_tracked") for tensor in state)
    if not counted:
        state = {f"module.{tensor}": value for tensor, value in state.items()}
    arch = f"{architecture}-{depth}"
    torch.save({"epoch": 200, "arch": arch, "state_dict": state}, folder / f"{name}.pth")
    return folder / f"{name}.pth"


def small_state(**options):
    """The PyTorch state dict of an R3D that converts in a moment."""
    return family_state("r3d", **{**SMALL, **options})


def family_state(architecture, **options):
    """The PyTorch state dict of a network of any family, with the golden weights."""
    # Names and shapes only.
    with paddle.LazyGuard():
        network = models.build(architecture, **options)
    shapes = {}
    for name, tensor in network.state_dict().items():
        stem, _, last = name.rpartition(".")
        last = {"_mean": "running_mean", "_variance": "running_var"}.get(last, last)
        shape = list(tensor.shape)
        shapes[f"{stem}.{last}"] = shape[::-1] if name == f"{network.head_name}.weight" else shape
        if last == "running_var":
            shapes[f"{stem}.num_batches_tracked"] = []
    return tensors(golden.weights(shapes))


def whole_training_checkpoint(state):
    """What the original's main.py saves: optimizer and scheduler beside the weights."""
    parameters = [torch.nn.Parameter(t) for t in state.values() if t.is_floating_point()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-3)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [50, 100, 150])
    optimizer.step()
    scheduler.step()
    return {
        "epoch": 3,
        "arch": "resnet-10",
        "state_dict": {f"module.{name}": tensor for name, tensor in state.items()},
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
