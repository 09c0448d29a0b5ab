"""How much of a Grad-CAM map lies on the moving shapes of demo videos, beside a random map.

python -m benchmarks.explaining runs/demo

In each of the videos, the shapes fill a half or two thirds of the picture; the rest is clutter,
which moves as well but tells nothing about the class.
"""

import argparse

import numpy as np
from PIL import Image

from app.inference.open_engine import open_engine
from app.prediction.explain import Course
from app.prediction.grad_cam import GradCam
from app.trained import find_trained
from datasets.clips.frame_choice import centre_clip, clip_span
from datasets.decoding.clip_filter import centred_square
from datasets.demo import COLUMNS, CORPORA, ROWS, draw_video

# Cells of the grid, row by row: the left and right half, the upper and lower two thirds.
CELLS = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
PARTS = [part.ravel() for part in (CELLS[:, :2], CELLS[:, 2:], CELLS[:2], CELLS[1:])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="run folder of a training on the demo corpus `directions`")
    parser.add_argument("--videos", type=int, default=40)
    options = parser.parse_args()
    trained = find_trained(options.run)
    engine, grad_cam = open_engine(trained, device="cpu"), GradCam.open(trained, "cpu")
    contract = engine.description.input
    names = list(CORPORA["directions"])
    rows, n_right = [], 0
    for number in range(options.videos):
        name = names[number % len(names)]
        # The same generator draws the same clutter.
        frames = draw_video("directions", name, np.random.default_rng(number), PARTS[number % 4])
        clutter = draw_video("directions", name, np.random.default_rng(number), cells=[])
        n_frames = min(len(frames), len(clutter))
        chosen = centre_clip(n_frames, contract.frames, contract.stride)
        x, y, side, _ = centred_square(frames.shape[2], frames.shape[1])
        square = np.s_[chosen, y : y + side, x : x + side]
        shapes = (frames[square] != clutter[square]).any(axis=-1)
        clip = np.stack([_resized(picture, contract.size) for picture in frames[square]])
        clip = clip.transpose(3, 0, 1, 2)[None]
        scores = engine.scores(clip)[0]
        best = int(scores.argmax())
        n_right += engine.labels[best] == name
        maps, _ = grad_cam(clip, best)
        random = np.random.default_rng(number).random(maps.shape, np.float32)
        span = clip_span(contract.frames, contract.stride)
        shares = [_share(each, shapes, span, contract.stride, side) for each in (maps, random)]
        rows.append([*shares, shapes.mean()])
    found, random, area = np.mean(rows, axis=0)
    better = sum(row[0] > row[1] for row in rows)
    print(f"{len(rows)} videos, {n_right} predicted right; map of {maps.shape[1:]} cells")
    print(f"share of the map on the shapes: {found:.3f}")
    print(f"of a random map: {random:.3f}; of the picture: {area:.3f}")
    print(f"more than the random map in {better} videos")


def _share(maps, shapes, span, stride, side):
    course = Course([0], maps, span)
    values = [_resized(course.at(frame * stride), side) for frame in range(len(shapes))]
    values = np.stack(values).clip(0, None)
    return float(values[shapes].sum() / max(values.sum(), 1e-12))


def _resized(values, side):
    return np.asarray(Image.fromarray(values).resize((side, side), Image.Resampling.BILINEAR))


if __name__ == "__main__":
    main()
