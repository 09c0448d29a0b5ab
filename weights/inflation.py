"""Turns a 2D network trained on ImageNet into a 3D one: a start that needs no video weights.

Every 2D kernel is repeated over time and divided by its length, so that a still video gives the
3D network what its frame gives the 2D one. Carreira and Zisserman, "Quo Vadis, Action
Recognition?", CVPR 2017.
"""

import re
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

import models
from weights.description import InputContract, NetworkDescription
from weights.errors import WeightsError
from weights.files import listed
from weights.structure import recognise

# Family -> depth -> the network of `paddle.vision.models` that inflates to it.
IMAGENET = {
    "r3d": {depth: f"resnet{depth}" for depth in (18, 34, 50, 101, 152)},
    "wideresnet": {50: "wide_resnet50_2", 101: "wide_resnet101_2"},
    "resnext": {depth: f"resnext{depth}_32x4d" for depth in (50, 101, 152)},
    "densenet": {depth: f"densenet{depth}" for depth in (121, 169, 201, 264)},
}
# What the 2D networks of paddle.vision were trained with, values 0-1.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CONNECT_SECONDS = 20


# Paddle's names of a 2D DenseNet -> ours; those of a ResNet are the same as ours.
DENSENET_NAMES = (
    (re.compile(r"^conv1_func\._conv"), lambda _: "features.conv0"),
    (re.compile(r"^conv1_func\._batch_norm"), lambda _: "features.norm0"),
    (
        re.compile(r"^db_conv_(\d)\.conv\d_(\d+)\.bn_ac_func(\d)\._(conv|batch_norm)"),
        lambda m: f"features.denseblock{int(m[1]) - 1}.denselayer{m[2]}.{_kind(m[4])}.{m[3]}",
    ),
    (
        re.compile(r"^tr_conv(\d)_blk\.conv_ac_func\._(conv|batch_norm)"),
        lambda m: f"features.transition{int(m[1]) - 1}.{_kind(m[2])}",
    ),
    (re.compile(r"^batch_norm"), lambda _: "features.norm5"),
)
STEMS = ("conv1.weight", "features.conv0.weight")
HEADS = ("fc.", "out.")


def imagenet_file(depth=None, architecture="r3d"):
    """A 2D network of `paddle.vision.models`, downloaded by Paddle on first use.

    Args:
        depth: Its depth; the family's default where it is None.
        architecture: The family to inflate it to: r3d and wideresnet and resnext, which begin
            from ResNet and its kin, or densenet.

    Returns:
        The path of a `.pdparams` file in Paddle's cache.

    Raises:
        WeightsError: There is no such network, or it cannot be downloaded.
    """
    if architecture not in IMAGENET:
        there = ", ".join(IMAGENET)
        raise WeightsError(
            "imagenet", f"no 2D network becomes a {architecture}; there are: {there}"
        )
    names = IMAGENET[architecture]
    if depth is None:
        depth = models.family(architecture).options["depth"]
    if depth not in names:
        depths = ", ".join(map(str, names))
        kind = "ResNet" if architecture == "r3d" else models.family(architecture).title
        raise WeightsError("imagenet", f"no 2D {kind} of depth {depth}; there are: {depths}")
    from paddle.utils.download import WEIGHTS_HOME, get_weights_path_from_url
    from paddle.vision.models import densenet, resnet

    url, md5 = {**resnet.model_urls, **densenet.model_urls}[names[depth]]
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
            f"--model.pretrained {names[depth]}.pdparams",
        ) from None


def is_2d(state):
    """Whether a state dict is that of a 2D network."""
    return any(
        _three_dimensional_name(name) in STEMS and isinstance(array, np.ndarray) and array.ndim == 4
        for name, array in state.items()
    )


def head_of_2d(state):
    """The tensors of a 2D network's head, which are not inflated."""
    return {name: array for name, array in state.items() if name.startswith(HEADS)}


def _three_dimensional_name(name):
    for pattern, new in DENSENET_NAMES:
        if pattern.match(name):
            return pattern.sub(new, name)
    return name


def _kind(name):
    return "conv" if name == "conv" else "norm"


def describe_2d(state, path, conv1_t_size=7):
    """The 3D network that a 2D one inflates to.

    Args:
        state: name -> `numpy.ndarray` of a network of `paddle.vision.models`.
        path: Its file, for the errors.
        conv1_t_size: Length of the first convolution in frames; the 2D network has no say.

    Returns:
        A `NetworkDescription` without `n_classes` and labels: the head is not inflated.

    Raises:
        WeightsError: It is not one of those that inflate.
    """
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
    """Inflate a 2D network's state dict.

    Args:
        state: name -> `numpy.ndarray` of a network of `paddle.vision.models`.
        path: Its file, for the errors.
        conv1_t_size: Length of the first convolution in frames, odd.

    Returns:
        name -> float32 `numpy.ndarray` for the 3D network: convolutions `[O, I, k, k]` become
        `[O, I, k, k, k]` (the first one `[O, I, conv1_t_size, 7, 7]`), everything of
        BatchNorm is carried over, the head is left out.

    Raises:
        WeightsError: A convolution is not square, or something is not an array.
    """
    inflated = {}
    for name, array in state.items():
        if not isinstance(array, np.ndarray):
            raise WeightsError(path, f"{listed([name])} not an array")
        if name.startswith(HEADS):
            continue
        name = _three_dimensional_name(name)
        if array.ndim == 4:
            if array.shape[2] != array.shape[3]:
                raise WeightsError(path, f"{name} is not square: {list(array.shape)}")
            length = conv1_t_size if name in STEMS else array.shape[2]
            array = np.repeat(array[:, :, None] / length, length, axis=2)
        inflated[name] = array.astype(np.float32, copy=False)
    return inflated
