"""The demo corpus: small videos whose classes differ in motion only.

Every video shows textured shapes over drifting clutter. Each shape runs along a path of its own,
and there are as many shapes on the paths of one class as on those of any other. The only
difference between them is the order in which they pass the points of their path: the shapes of
the class's own motion always run forwards and start again, all others run forwards and back.
Over ``PERIOD`` frames both kinds visit exactly the same points equally often, so that neither a
single frame nor an unordered set of frames tells the class: only motion does.
"""

import math
import os
import shutil
import tempfile
from pathlib import Path

import av
import numpy as np

# Raised when the pictures change, so that an older corpus in a cache is not taken for this one.
VERSION = 1

HEIGHT, WIDTH = 64, 80
FPS = 25
# Frames a shape needs for its path; a shape that sways is back after twice as many.
STEPS = 8
PERIOD = 2 * STEPS
# Shapes stand in the cells of a grid, a little off the middle, so that few are hidden.
ROWS, COLUMNS = 3, 4
# Shapes are drawn once, this much finer than the video, and then looked up point by point.
FINENESS = 4
RADIUS = 11

DIRECTIONS = {
    "right": (1, 0),
    "down-right": (1, 1),
    "down": (0, 1),
    "down-left": (-1, 1),
    "left": (-1, 0),
    "up-left": (-1, -1),
    "up": (0, -1),
    "up-right": (1, -1),
}
# (turning, growing): the sign says which way.
TURNS = {"clockwise": (1, 0), "anticlockwise": (-1, 0), "growing": (0, 1), "shrinking": (0, -1)}
CORPORA = {"directions": DIRECTIONS, "turns": TURNS}


def write_demo_corpus(folder, name="directions", seed=0, n_train=40, n_val=12):
    """Write a demo corpus, unless it is there already.

    The corpus is complete or absent: it is written aside and renamed. The same arguments give the
    same files, byte for byte.

    Args:
        folder: Where corpora are kept; made if missing.
        name: ``"directions"`` (eight classes) or ``"turns"`` (four other classes).
        seed: Seed of everything drawn.
        n_train: Number of training videos per class.
        n_val: Number of validation videos per class.

    Returns:
        The ``Path`` of the corpus: ``{train,val}/<class>/<video>.{mp4,avi}``, in every class half
        h264 in mp4 and half mpeg4 in avi, 24 to 40 frames each.

    Raises:
        ValueError: No corpus has this name, or a count is not positive.
    """
    if name not in CORPORA:
        raise ValueError(f"no demo corpus {name!r}; there are: {', '.join(CORPORA)}")
    if n_train < 1 or n_val < 1:
        raise ValueError(f"videos per class must be positive, not {n_train} and {n_val}")
    corpus = Path(folder) / f"{name}-v{VERSION}-seed{seed}-{n_train}-{n_val}"
    if corpus.is_dir():
        return corpus
    corpus.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{corpus.name}-", dir=corpus.parent))
    try:
        for split, n_videos in (("train", n_train), ("val", n_val)):
            for class_number, class_name in enumerate(CORPORA[name]):
                class_folder = aside / split / class_name
                class_folder.mkdir(parents=True)
                for number in range(n_videos):
                    generator = np.random.default_rng(
                        [seed, split == "val", class_number, number, *name.encode()]
                    )
                    frames = draw_video(name, class_name, generator)
                    suffix = ("mp4", "avi")[number % 2]
                    _encode(class_folder / f"{number:03d}.{suffix}", frames)
        aside.chmod(0o755)
        try:
            os.rename(aside, corpus)
        except OSError:
            # Another process was first; its files are the same.
            if not corpus.is_dir():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return corpus


def draw_video(name, class_name, generator):
    """Draw the frames of one video.

    Args:
        name: A name in ``CORPORA``.
        class_name: One of its classes.
        generator: ``numpy.random.Generator``; the video is a pure function of it.

    Returns:
        uint8 ``[T, HEIGHT, WIDTH, 3]`` RGB.
    """
    times = np.arange(generator.integers(24, 41))
    frames = _draw_clutter(times, generator)
    cells = [(row, column) for row in range(ROWS) for column in range(COLUMNS)]
    motions = _motions_of_shapes(CORPORA[name], class_name, len(cells))
    for i in generator.permutation(len(cells)):
        motion, sways = motions[i]
        progress = _progress(times, sways, generator)
        if name == "directions":
            _draw_shape(frames, cells.pop(), generator, shift=_shift(motion, progress, generator))
        else:
            turn, growth = motion
            _draw_shape(
                frames,
                cells.pop(),
                generator,
                angle=turn * progress * math.radians(110),
                size=1.8 ** (growth * progress),
            )
    return frames.astype(np.uint8)


def _motions_of_shapes(motions, class_name, n_shapes):
    """For each shape its motion, and whether it sways instead of running forwards only.

    A motion and its opposite share their path, and every path gets as many shapes.
    """
    own = motions[class_name]
    opposite = tuple(-x for x in own)
    paths = [m for m in motions.values() if m > (0, 0)]
    shapes = []
    for i in range(n_shapes):
        path = paths[i % len(paths)]
        shapes.append((own, False) if path in (own, opposite) else (path, True))
    return shapes


def _progress(times, sways, generator):
    """Where on its path a shape is, from -0.5 to 0.5, at each of the times (in frames)."""
    step = (times + generator.integers(PERIOD)) % PERIOD
    step = np.minimum(step, PERIOD - 1 - step) if sways else step % STEPS
    return step / (STEPS - 1) - 0.5


def _shift(motion, progress, generator):
    """The way along a path in pixels: float ``[T, 2]``, x and y."""
    length = generator.uniform(11, 17)
    return progress[:, None] * length * np.array(motion) / math.hypot(*motion)


def _draw_shape(frames, cell, generator, shift=0.0, angle=0.0, size=1.0):
    """Draw one textured shape into all frames, in place.

    Args:
        frames: float32 ``[T, HEIGHT, WIDTH, 3]``.
        cell: Row and column of the shape in the grid.
        generator: ``numpy.random.Generator``.
        shift: Distance from the middle of the path in pixels, ``[T, 2]``.
        angle: Turn of the shape in radians, ``[T]``.
        size: Scale of the shape, ``[T]``.
    """
    shape = _shape_sprite(generator)
    row, column = cell
    off_middle = generator.uniform(-3, 3, 2)
    middle_x = (column + 0.5) * WIDTH / COLUMNS + off_middle[0]
    middle_y = (row + 0.5) * HEIGHT / ROWS + off_middle[1]
    reach = 2 * RADIUS
    x0, x1 = max(0, int(middle_x) - reach), min(WIDTH, int(middle_x) + reach)
    y0, y1 = max(0, int(middle_y) - reach), min(HEIGHT, int(middle_y) + reach)

    one_per_frame = np.zeros(len(frames))
    shift_x, shift_y = np.broadcast_to(shift, (len(frames), 2)).T[:, :, None, None]
    cos = (np.cos(angle) / size + one_per_frame)[:, None, None]
    sin = (np.sin(angle) / size + one_per_frame)[:, None, None]
    x = np.arange(x0, x1) - middle_x - shift_x
    y = np.arange(y0, y1)[:, None] - middle_y - shift_y
    # The point of the sprite that each pixel shows; beyond the edge it is transparent.
    limit = len(shape) - 1
    column_in_sprite = ((cos * x + sin * y) * FINENESS + limit / 2).clip(0, limit).astype(np.intp)
    row_in_sprite = ((cos * y - sin * x) * FINENESS + limit / 2).clip(0, limit).astype(np.intp)
    seen = shape[row_in_sprite, column_in_sprite]
    covered = frames[:, y0:y1, x0:x1]
    covered += seen[..., 3:] * (seen[..., :3] - covered)


def _shape_sprite(generator):
    """One shape: float32 ``[S, S, 4]``, colours 0-255 and opacity 0-1."""
    n = 2 * (RADIUS + 2) * FINENESS
    ramp = (np.arange(n) - (n - 1) / 2) / FINENESS
    x, y = np.meshgrid(ramp, ramp)
    corners = generator.integers(3, 7)
    sector = 2 * math.pi / corners
    direction = (np.arctan2(y, x) + generator.uniform(0, sector)) % sector - sector / 2
    outline = generator.uniform(0.75, 1) * RADIUS * math.cos(sector / 2) / np.cos(direction)
    opacity = (outline - np.hypot(x, y) + 0.5).clip(0, 1)
    texture = _smooth_noise(n, n, 5 * FINENESS, generator)
    return np.concatenate([texture, opacity[..., None]], axis=2).astype(np.float32)


def _draw_clutter(times, generator):
    """Smooth noise that sways along a line of any direction: float32 ``[T, HEIGHT, WIDTH, 3]``."""
    reach = 8
    texture = _smooth_noise(HEIGHT + 2 * reach, WIDTH + 2 * reach, 6, generator)
    texture = 64 + texture / 2
    direction = generator.uniform(0, 2 * math.pi)
    way = _progress(times, True, generator) * 2 * reach
    offsets_x = np.rint(reach + way * math.cos(direction)).astype(int)
    offsets_y = np.rint(reach + way * math.sin(direction)).astype(int)
    return np.stack(
        [texture[y : y + HEIGHT, x : x + WIDTH] for x, y in zip(offsets_x, offsets_y, strict=True)]
    )


def _smooth_noise(height, width, grain, generator):
    """Random colours blended over ``grain`` pixels: float32 ``[height, width, 3]``, 0-255."""
    rows, columns = height // grain + 2, width // grain + 2
    colours = generator.uniform(0, 255, (rows, columns, 3)).astype(np.float32)
    for axis, length in enumerate((height, width)):
        place = np.arange(length, dtype=np.float32) / grain
        before = place.astype(int)
        part = (place - before).reshape([-1 if i == axis else 1 for i in range(3)])
        first = colours.take(before, axis)
        colours = first + part * (colours.take(before + 1, axis) - first)
    return colours


def _encode(path, frames):
    """Write frames as h264 in mp4 or as mpeg4 in avi, by the path's suffix."""
    if path.suffix == ".mp4":
        codec, options = "libx264", {"crf": "23", "preset": "veryfast"}
    else:
        codec, options = "mpeg4", {"qscale": "4"}
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=FPS, options=options)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "yuv420p"
        # One thread: the bytes must not depend on the number of cores.
        stream.codec_context.thread_count = 1
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
