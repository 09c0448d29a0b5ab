"""Which part of the picture a clip shows: pure functions of the frame size.

A crop is `(x, y, width, height)` in pixels of the video; the decoder scales it to the size of
the network on the way. Drawn once per clip, so that all its frames are cut alike.
"""

import math

from datasets.decoding.clip_filter import centred_square
from datasets.decoding.resized_clip import centred


def squares_to_look_at(width, height, shape, number=1):
    """The squares that an evaluation looks at, evenly spread along the longer side.

    Args:
        width, height: Frame size in pixels.
        shape: Anything with the `size` and `resize` of a `datasets.clips.clip_shape.ClipShape`.
        number: How many; 1 is the centred one.

    Returns:
        List of crops as `datasets.decoding.reader.Reader.read_clips` takes them.
    """
    if shape.resize is None:
        return squares_along(width, height, number)
    middle = centred(shape.resize, shape.size)
    if number == 1:
        return [middle]
    free = max(middle.width, middle.height) - shape.size
    places = [round(free * n / (number - 1)) for n in range(number)]
    along = "x" if middle.width > middle.height else "y"
    return [middle._replace(**{along: place}) for place in places]


def area_looked_at(width, height, shape):
    """The part of a frame that an evaluation of centred squares looks at.

    Args:
        width, height, shape: As for `squares_to_look_at`.

    Returns:
        `(x, y, width, height)` in pixels of the frame.
    """
    if shape.resize is None:
        return centred_square(width, height)
    return centred(shape.resize, shape.size).in_video(shape.size, width, height)


def squares_along(width, height, number):
    """Squares of the short side, evenly spread along the longer one from end to end.

    Args:
        width, height: Frame size in pixels.
        number: How many; 1 is the centred one.

    Returns:
        List of `(x, y, width, height)`, from left to right or from top to bottom.
    """
    if number == 1:
        return [centred_square(width, height)]
    side = min(width, height)
    free = max(width, height) - side
    places = [round(free * n / (number - 1)) for n in range(number)]
    return [(p, 0, side, side) if width > height else (0, p, side, side) for p in places]


def random_resized_crop(width, height, generator, scale=(0.25, 1.0), ratio=(3 / 4, 4 / 3)):
    """A crop of random area and aspect ratio at a random place, as in training.

    Args:
        width, height: Frame size in pixels.
        generator: `numpy.random.Generator`.
        scale: Smallest and largest share of the frame's area.
        ratio: Smallest and largest width over height; drawn uniformly on a logarithmic scale.

    Returns:
        `(x, y, width, height)`. Where ten draws fit nowhere, the largest centred crop whose
        aspect ratio is allowed.

    Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015, in the form in which the
    PyTorch original trains its networks.
    """
    for _ in range(10):
        area = width * height * generator.uniform(*scale)
        aspect = math.exp(generator.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w = round(math.sqrt(area * aspect))
        h = round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            x = int(generator.integers(width - w + 1))
            y = int(generator.integers(height - h + 1))
            return x, y, w, h

    w, h = width, height
    if width / height < ratio[0]:
        h = max(1, round(width / ratio[0]))
    elif width / height > ratio[1]:
        w = max(1, round(height * ratio[1]))
    return (width - w) // 2, (height - h) // 2, w, h
