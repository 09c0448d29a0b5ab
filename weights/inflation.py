"""Turns a 2D ResNet trained on ImageNet into a 3D ResNet: a start that needs no video weights.

Every 2D kernel is repeated over time and divided by its length, so that a still video gives the
3D network what its frame gives the 2D one. Carreira and Zisserman, "Quo Vadis, Action
Recognition?", CVPR 2017.
"""

import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from weights.description import InputContract, NetworkDescription
from weights.errors import WeightsError
from weights.files import listed

IMAGENET_DEPTHS = (18, 34, 50, 101, 152)
# What the 2D networks of paddle.vision were trained with, values 0-1.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CONNECT_SECONDS = 20


def imagenet_file(depth):
    """The 2D ResNet of ``paddle.vision.models``, downloaded by Paddle on first use.

    Args:
        depth: 18, 34, 50, 101 or 152.

    Returns:
        The path of a ``.pdparams`` file in Paddle's cache.

    Raises:
        WeightsError: There is no such network, or it cannot be downloaded.
    """
    if depth not in IMAGENET_DEPTHS:
        depths = ", ".join(map(str, IMAGENET_DEPTHS))
        raise WeightsError("imagenet", f"no 2D ResNet of depth {depth}; there are: {depths}")
    from paddle.utils.download import WEIGHTS_HOME, get_weights_path_from_url
    from paddle.vision.models.resnet import model_urls

    url, md5 = model_urls[f"resnet{depth}"]
    try:
        if not (Path(WEIGHTS_HOME) / Path(url).name).exists():
            # Paddle's download waits for ever for a machine that does not answer.
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()
        return Path(get_weights_path_from_url(url, md5))
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "reason", error)
        raise WeightsError(
            "imagenet",
            f"{url} cannot be downloaded ({reason}); fetch it elsewhere and name the file: "
            f"--model.pretrained resnet{depth}.pdparams",
        ) from None


def is_2d(state):
    """Whether a state dict is that of a 2D network."""
    stem = state.get("conv1.weight")
    return isinstance(stem, np.ndarray) and stem.ndim == 4


def describe_2d(state, path, conv1_t_size=7):
    """The 3D ResNet that a 2D one inflates to.

    Args:
        state: name -> ``numpy.ndarray`` of a ResNet of ``paddle.vision.models``.
        path: Its file, for the errors.
        conv1_t_size: Length of the first convolution in frames; the 2D network has no say.

    Returns:
        A ``NetworkDescription`` without ``n_classes`` and labels: the head is not inflated.

    Raises:
        WeightsError: It is not such a ResNet.
    """
    from weights.structure import recognise

    shapes = {name: array.shape for name, array in inflate(state, path, conv1_t_size).items()}
    structure = recognise(shapes, path)
    return NetworkDescription(
        architecture=structure.architecture,
        options=structure.options,
        labels=None,
        input=InputContract(mean=IMAGENET_MEAN, std=IMAGENET_STD),
        source={"file": Path(path).name, "format": "inflated from 2D"},
    )


def inflate(state, path, conv1_t_size=7):
    """Inflate a 2D ResNet's state dict.

    Args:
        state: name -> ``numpy.ndarray`` of a ResNet of ``paddle.vision.models``.
        path: Its file, for the errors.
        conv1_t_size: Length of the first convolution in frames, odd.

    Returns:
        name -> float32 ``numpy.ndarray`` for the 3D ResNet: convolutions ``[O, I, k, k]`` become
        ``[O, I, k, k, k]`` (the first one ``[O, I, conv1_t_size, 7, 7]``), everything of
        BatchNorm is carried over, the head is left out.

    Raises:
        WeightsError: A convolution is not square, or something is not an array.
    """
    inflated = {}
    for name, array in state.items():
        if not isinstance(array, np.ndarray):
            raise WeightsError(path, f"{listed([name])} not an array")
        if name.startswith("fc."):
            continue
        if array.ndim == 4:
            if array.shape[2] != array.shape[3]:
                raise WeightsError(path, f"{name} is not square: {list(array.shape)}")
            length = conv1_t_size if name == "conv1.weight" else array.shape[2]
            array = np.repeat(array[:, :, None] / length, length, axis=2)
        inflated[name] = array.astype(np.float32, copy=False)
    return inflated
