"""Random colours of a clip: brightness, contrast, saturation, hue and greyscale in one step.

Each of them is a linear map of red, green and blue, so a clip needs one product with a matrix of
3 x 3 and one addition, whatever is drawn. It is done in 16-bit whole numbers: twice as fast as in
floating point, and off by 0.4 of 255 levels on average (up to 8 at the far end).
"""

import math
from dataclasses import dataclass

import numpy as np

# Share of red, green and blue in what the eye takes for grey (ITU-R BT.601).
GREY = np.array([0.299, 0.587, 0.114])
# From RGB to luma and two chroma axes, between which a hue is an angle (YIQ).
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
# Pixels worked on at a time: what is computed from them stays in the processor's cache.
BLOCK = 24 << 10


@dataclass(frozen=True)
class ColourJitter:
    """How far the colours of training clips are moved; all frames of a clip alike.

    Args:
        brightness, contrast, saturation: Each is multiplied by a factor drawn from 1 - x to 1 + x.
        hue: Colours are turned by up to this share of the colour circle, to either side; 0 to 0.5.
        greyscale: Probability of a clip without colours.

    Source: the jitter of Krizhevsky et al. (2012) in the form of torchvision's `ColorJitter`, with
    one difference: values are cut to 0-255 once at the end, and hue turns in the YIQ plane.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    greyscale: float = 0.0

    def __bool__(self):
        """Whether it changes anything."""
        return any((self.brightness, self.contrast, self.saturation, self.hue, self.greyscale))

    def __call__(self, clip, generator):
        """Change the colours of a clip, in place.

        Args:
            clip: uint8 `[3, T, H, W]` RGB, contiguous.
            generator: `numpy.random.Generator`.

        Returns:
            The clip.
        """
        brightness, contrast, saturation = (
            generator.uniform(max(0.0, 1 - reach), 1 + reach)
            for reach in (self.brightness, self.contrast, self.saturation)
        )
        hue = generator.uniform(-self.hue, self.hue)
        if generator.random() < self.greyscale:
            saturation = 0.0
        # Every fourth frame and fourth line are enough for the mean grey of a clip.
        mean_grey = GREY @ clip[:, ::4, ::4].reshape(3, -1).mean(axis=1)
        matrix = brightness * contrast * colour_matrix(saturation, hue)
        return apply_matrix(clip, matrix, brightness * (1 - contrast) * mean_grey)


def colour_matrix(saturation, hue):
    """The map of RGB that changes saturation and hue and leaves greys as they are.

    Args:
        saturation: Factor; 0 gives greys.
        hue: Turn in shares of the colour circle.

    Returns:
        float64 `[3, 3]`.
    """
    cos, sin = (saturation * f(2 * math.pi * hue) for f in (math.cos, math.sin))
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return np.linalg.inv(TO_YIQ) @ turn @ TO_YIQ


def apply_matrix(clip, matrix, offset):
    """Map the colours of a clip, in place.

    Args:
        clip: uint8 `[3, T, H, W]`, contiguous.
        matrix: float `[3, 3]`.
        offset: Number added to every channel, in levels.

    Returns:
        The clip, its values cut to 0-255.
    """
    if not clip.flags.c_contiguous:
        raise ValueError("only a contiguous clip can be changed in place")
    # Counted from the middle, levels are half as large; so steps can be half as fine. The finest at
    # which no sum leaves 16 bits is taken; partial sums may leave them, they wrap and come back.
    largest = 128 * np.abs(matrix).sum(axis=1).max() + 1
    bits = int(math.log2(32767 / largest))
    factors = np.rint(matrix * 2**bits).astype(np.int16)
    # What rounding took from a row is given back on its diagonal: greys stay grey.
    np.fill_diagonal(
        factors, factors.diagonal() + np.rint(matrix.sum(1) * 2**bits) - factors.sum(1)
    )
    factors, half = factors[:, :, None], np.int16(2**bits // 2)
    constants = np.rint(128 * matrix.sum(axis=1) + offset).astype(np.int16)[:, None]
    pixels = clip.reshape(3, -1)
    rooms = [np.empty((*shape, BLOCK), np.int16) for shape in ((3,), (3, 3), (3,))]
    for begin in range(0, pixels.shape[1], BLOCK):
        block = pixels[:, begin : begin + BLOCK]
        levels, terms, sums = (room[..., : block.shape[1]] for room in rooms)
        np.subtract(block, 128, out=levels, dtype=np.int16)
        np.multiply(levels, factors, out=terms)
        np.add(terms[:, 0], terms[:, 1], out=sums)
        np.add(sums, terms[:, 2], out=sums)
        np.add(sums, half, out=sums)
        np.right_shift(sums, bits, out=sums)
        np.add(sums, constants, out=sums)
        np.clip(sums, 0, 255, out=block, casting="unsafe")
    return clip
