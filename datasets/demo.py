"""The demo corpus: small videos whose classes differ in motion only.

Every video shows textured shapes over drifting clutter. Within `STEPS` frames each shape travels
once along the motion of its class and starts again; on the way it weaves from side to side, just
as far as it travels. So the places that a shape visits lie spread to all sides, whatever the
class: a single frame, or the frames of a clip in any order, look the same for every class. What
tells the class is only the order in which the places are visited.

A motion is a direction in a plane. In the corpus `directions` it is the plane of the picture; in
`turns` its axes are turning and growing, so there a turning shape weaves by growing and
shrinking, and a growing one by turning to and fro.
"""

import math
import os
import shutil
import tempfile
from pathlib import Path

import av
import numpy as np

# To be raised with every change of the pictures, so that files of an older version are not taken
# for those of this one.
VERSION = 1

HEIGHT, WIDTH = 64, 80
FPS = 25
# Frames that a shape needs for its way.
STEPS = 8
# Frames after which the picture is the same again: the clutter is back after twice as many.
PERIOD = 2 * STEPS
# Shapes stand in the cells of a grid, a little off the middle, so that few are hidden.
ROWS, COLUMNS = 3, 4
RADIUS = 11
# Shapes are drawn once, this much finer than the video, and then looked up point by point.
FINENESS = 2
# How far the sine of the side way reaches, so that it spreads as wide as the way itself: both
# have the same variance over the steps.
WEAVING = math.sqrt((STEPS + 1) / (STEPS - 1) / 6)

# x to the right, y down.
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
# Turning and growing.
TURNS = {"clockwise": (1, 0), "anticlockwise": (-1, 0), "growing": (0, 1), "shrinking": (0, -1)}
CORPORA = {"directions": DIRECTIONS, "turns": TURNS}


def write_demo_corpus(folder, name="directions", seed=0, n_train=None, n_val=None):
    """Write a demo corpus, unless it is there already.

    The corpus is complete or absent: it is written aside and renamed. The same arguments give the
    same files, byte for byte.

    Args:
        folder: Where corpora are kept; made if missing.
        name: `"directions"` (eight classes) or `"turns"` (four other classes).
        seed: Seed of everything drawn.
        n_train: Number of training videos per class; left out, 384 are shared by the classes.
        n_val: Number of validation videos per class; left out, 80 are shared by the classes.

    Returns:
        The `Path` of the corpus: `{train,val}/<class>/<video>.{mp4,avi}`, in every class half
        h264 in mp4 and half mpeg4 in avi, 24 to 32 frames each. Together they take 6 to 7 MB.

    Raises:
        ValueError: No corpus has this name, or a count is not positive.
    """
    if name not in CORPORA:
        raise ValueError(f"no demo corpus {name!r}; there are: {', '.join(CORPORA)}")
    n_train = 384 // len(CORPORA[name]) if n_train is None else n_train
    n_val = 80 // len(CORPORA[name]) if n_val is None else n_val
    if n_train < 1 or n_val < 1:
        raise ValueError(f"videos per class must be positive, not {n_train} and {n_val}")
    corpus = Path(folder) / f"{name}-v{VERSION}-seed{seed}-{n_train}-{n_val}"
    if corpus.is_dir():
        return corpus
    corpus.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{corpus.name}-", dir=corpus.parent))
    try:
        for split, n_videos in (("train", n_train), ("val", n_val)):
            for class_name in CORPORA[name]:
                class_folder = aside / split / class_name
                class_folder.mkdir(parents=True)
                for number in range(n_videos):
                    # Without the class: videos of one number show the same shapes in every
                    # class, so that colours learnt by heart are of no use.
                    generator = np.random.default_rng(
                        [seed, split == "val", number, *name.encode()]
                    )
                    frames = draw_video(name, class_name, generator)
                    suffix = ("mp4", "avi")[number % 2]
                    _encode(class_folder / f"{number:03d}.{suffix}", frames)
        # mkdtemp makes it readable for its owner only.
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


def draw_video(name, class_name, generator, cells=range(ROWS * COLUMNS)):
    """Draw the frames of one video.

    Args:
        name: A name in `CORPORA`.
        class_name: One of its classes.
        generator: `numpy.random.Generator`; the video is a pure function of it.
        cells: Numbers of the cells of the grid that have a shape; elsewhere is clutter only.

    Returns:
        uint8 `[T, HEIGHT, WIDTH, 3]` RGB, T from 24 to 32.
    """
    motion = CORPORA[name][class_name]
    frames = _draw_clutter(generator)
    for cell in generator.permutation(cells):
        way = _way(motion, generator)
        if name == "directions":
            _draw_shape(frames, cell, generator, shift=way * generator.uniform(11, 17))
        else:
            turn, growth = way.T
            _draw_shape(frames, cell, generator, angle=turn * 1.8, size=np.exp(growth * 0.7))
    n_frames = generator.integers(24, 33)
    return frames.astype(np.uint8)[np.arange(n_frames) % PERIOD]


def _way(motion, generator):
    """Where a shape is on its way in each frame of a period: float `[PERIOD, 2]`.

    The way has length 1, its middle is at 0 and it begins at a random frame.
    """
    step = (np.arange(PERIOD) + generator.integers(STEPS)) % STEPS
    along = step / (STEPS - 1) - 0.5
    aside = WEAVING * np.sin(2 * math.pi * step / STEPS + generator.uniform(0, 2 * math.pi))
    x, y = np.array(motion) / math.hypot(*motion)
    return np.stack([along * x - aside * y, along * y + aside * x], axis=1)


def _draw_shape(frames, cell, generator, shift=0.0, angle=0.0, size=1.0):
    """Draw one textured shape into all frames of a period, in place.

    Args:
        frames: float32 `[PERIOD, HEIGHT, WIDTH, 3]`.
        cell: Number of the shape's cell in the grid.
        generator: `numpy.random.Generator`.
        shift: Distance from the middle of the way in pixels, `[PERIOD, 2]`.
        angle: Turn of the shape in radians, `[PERIOD]`.
        size: Scale of the shape, `[PERIOD]`.
    """
    sprite = _shape_sprite(generator)
    row, column = divmod(cell, COLUMNS)
    off_middle = generator.uniform(-3, 3, 2)
    middle_x = (column + 0.5) * WIDTH / COLUMNS + off_middle[0]
    middle_y = (row + 0.5) * HEIGHT / ROWS + off_middle[1]
    reach = 2 * RADIUS
    x0, x1 = max(0, int(middle_x) - reach), min(WIDTH, int(middle_x) + reach)
    y0, y1 = max(0, int(middle_y) - reach), min(HEIGHT, int(middle_y) + reach)

    shift_x, shift_y = np.broadcast_to(shift, (PERIOD, 2)).T[:, :, None, None]
    cos = np.broadcast_to(np.cos(angle) / size, PERIOD)[:, None, None] * FINENESS
    sin = np.broadcast_to(np.sin(angle) / size, PERIOD)[:, None, None] * FINENESS
    x = np.arange(x0, x1) - middle_x - shift_x
    y = np.arange(y0, y1)[:, None] - middle_y - shift_y
    # The point of the sprite that each pixel shows; the border of the sprite is transparent.
    limit = len(sprite) - 1
    sprite_x = (cos * x + sin * y + limit / 2).clip(0, limit).astype(np.int32)
    sprite_y = (cos * y - sin * x + limit / 2).clip(0, limit).astype(np.int32)
    seen = sprite.reshape(-1, 4).take(sprite_y * len(sprite) + sprite_x, axis=0)
    covered = frames[:, y0:y1, x0:x1]
    covered += seen[..., 3:] * (seen[..., :3] - covered)


def _shape_sprite(generator):
    """One shape, a polygon: float32 `[S, S, 4]`, colours 0-255 and opacity 0-1."""
    length = 2 * (RADIUS + 2) * FINENESS
    ramp = (np.arange(length) - (length - 1) / 2) / FINENESS
    x, y = np.meshgrid(ramp, ramp)
    corners = generator.integers(3, 7)
    sector = 2 * math.pi / corners
    within_sector = (np.arctan2(y, x) + generator.uniform(0, sector)) % sector - sector / 2
    outline = generator.uniform(0.75, 1) * RADIUS * math.cos(sector / 2) / np.cos(within_sector)
    opacity = (outline - np.hypot(x, y) + 0.5).clip(0, 1)
    texture = _texture(length, length, 5 * FINENESS, generator)
    return np.concatenate([texture, opacity[..., None]], axis=2).astype(np.float32)


def _draw_clutter(generator):
    """A muted texture swaying along a line of any direction: float32 `[PERIOD, H, W, 3]`."""
    reach = 8
    texture = _texture(HEIGHT + 2 * reach, WIDTH + 2 * reach, 8, generator)
    texture = 90 + 0.3 * texture
    step = (np.arange(PERIOD) + generator.integers(PERIOD)) % PERIOD
    sway = np.minimum(step, PERIOD - 1 - step) / (STEPS - 1) * 2 - 1
    direction = generator.uniform(0, 2 * math.pi)
    x = np.rint(reach + reach * sway * math.cos(direction)).astype(int)
    y = np.rint(reach + reach * sway * math.sin(direction)).astype(int)
    return np.stack([texture[b : b + HEIGHT, a : a + WIDTH] for a, b in zip(x, y, strict=True)])


def _texture(height, width, grain, generator):
    """Noise of two colours, smooth over `grain` pixels: float32 `[height, width, 3]`."""
    noise = generator.uniform(-0.5, 1.5, (height // grain + 2, width // grain + 2))
    for axis, length in enumerate((height, width)):
        place = np.arange(length) / grain
        before = place.astype(int)
        part = np.expand_dims(place - before, 1 - axis)
        noise = (1 - part) * noise.take(before, axis) + part * noise.take(before + 1, axis)
    noise = noise.clip(0, 1)[..., None].astype(np.float32)
    dark = generator.uniform(0, 110, 3).astype(np.float32)
    bright = generator.uniform(145, 255, 3).astype(np.float32)
    return dark + noise * (bright - dark)


def _encode(path, frames):
    """Write frames as h264 in mp4 or as mpeg4 in avi, by the path's suffix."""
    if path.suffix == ".mp4":
        codec, options = "libx264", {"crf": "29", "preset": "superfast"}
    else:
        # A fixed quantiser: at its default bit rate the picture would crumble from frame to frame.
        codec, options = "mpeg4", {"qmin": "11", "qmax": "11"}
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=FPS, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        # One thread: the bytes must not depend on the number of cores.
        stream.codec_context.thread_count = 1
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
