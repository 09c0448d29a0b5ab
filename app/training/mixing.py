"""Mixup and CutMix: clips of a batch are mixed in pairs, and so are their labels."""

import math
from typing import NamedTuple

import numpy as np
import paddle


class Mix(NamedTuple):
    """How the clips of a batch are mixed: each with the one at its place in the reversed batch.

    Args:
        share: How much of a clip stays its own, 0 to 1; the rest is its partner's.
        box: `(x, y, width, height)` of the partner's pixels for CutMix; None for mixup, where every
            pixel is a weighted mean.
    """

    share: float
    box: tuple[int, int, int, int] | None = None


def draw_mix(generator, height, width, mixup=0.0, cutmix=0.0):
    """Draw how to mix a batch.

    Args:
        generator: `numpy.random.Generator`.
        height, width: Of a clip, in pixels.
        mixup, cutmix: Parameter of the beta distribution of the shares; 0 switches it off. With
            both, every batch takes one of them at random.

    Returns:
        `Mix`, or None where both are off.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018; Yun et al.,
    "CutMix", ICCV 2019.
    """
    if not mixup and not cutmix:
        return None
    if not cutmix or (mixup and generator.random() < 0.5):
        return Mix(float(generator.beta(mixup, mixup)))
    side = math.sqrt(1 - generator.beta(cutmix, cutmix))
    x, y = generator.integers(width), generator.integers(height)
    left, right = np.clip((x - width * side / 2, x + width * side / 2), 0, width).astype(int)
    top, bottom = np.clip((y - height * side / 2, y + height * side / 2), 0, height).astype(int)
    # The share of what was really cut: the box may reach over the border.
    share = 1 - (right - left) * (bottom - top) / (width * height)
    return Mix(float(share), (int(left), int(top), int(right - left), int(bottom - top)))


def mix_clips(clips, mix):
    """Mix the clips of a batch.

    Args:
        clips: uint8 tensor `[N, 3, T, H, W]`.
        mix: `Mix`.

    Returns:
        uint8 tensor `[N, 3, T, H, W]`.
    """
    partners = _reversed(clips)
    if mix.box is None:
        own, other = clips.astype("float32"), partners.astype("float32")
        return (own * mix.share + other * (1 - mix.share) + 0.5).astype("uint8")
    x, y, width, height = mix.box
    mixed = clips.clone()
    mixed[:, :, :, y : y + height, x : x + width] = partners[:, :, :, y : y + height, x : x + width]
    return mixed


def mix_losses(loss, logits, labels, mix):
    """The loss of mixed clips: that of their own labels and of their partners', by share.

    Args:
        loss: Function of logits and labels to a loss per clip `[N]`.
        logits: `[N, n_classes]`.
        labels: `[N]`, or whatever else `loss` takes, with N first.
        mix: `Mix`.

    Returns:
        Float tensor `[N]`.
    """
    partners = _reversed(labels)
    return loss(logits, labels) * mix.share + loss(logits, partners) * (1 - mix.share)


def _reversed(batch):
    # `paddle.flip` has no kernel for uint8.
    return paddle.gather(batch, paddle.arange(len(batch) - 1, -1, -1))
