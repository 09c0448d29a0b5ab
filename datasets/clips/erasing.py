"""Random erasing: a rectangle of a clip is filled with noise, in all its frames alike."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RandomErasing:
    """How training clips lose a rectangle.

    Args:
        probability: Of a clip to lose one.
        area: Smallest and largest share of the picture.
        ratio: Smallest and largest width over height; drawn uniformly on a logarithmic scale.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020, with random values.
    """

    probability: float = 0.0
    area: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)

    def __bool__(self):
        """Whether it changes anything."""
        return self.probability > 0

    def __call__(self, clip, generator):
        """Erase a rectangle, or not, in place.

        Args:
            clip: uint8 `[3, T, H, W]`.
            generator: `numpy.random.Generator`.

        Returns:
            The clip.
        """
        if generator.random() >= self.probability:
            return clip
        height, width = clip.shape[2:]
        area = height * width * generator.uniform(*self.area)
        ratio = math.exp(generator.uniform(*map(math.log, self.ratio)))
        w = min(width, max(1, round(math.sqrt(area * ratio))))
        h = min(height, max(1, round(math.sqrt(area / ratio))))
        x, y = generator.integers(width - w + 1), generator.integers(height - h + 1)
        clip[:, :, y : y + h, x : x + w] = generator.integers(0, 256, (3, 1, h, w), np.uint8)
        return clip
