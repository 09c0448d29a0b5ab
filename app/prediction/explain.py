"""A copy of a video that shows where and when the network saw the class it decided for."""

import numpy as np
from matplotlib import colormaps
from PIL import Image

from app.prediction.annotate import copy_video
from app.prediction.caption import draw_caption
from app.prediction.windows import VideoWindows, in_batches
from datasets.clips.crops import area_looked_at
from datasets.clips.frame_choice import clip_span

# How much of the picture the colour of the highest value covers.
COVER = 0.6
# Share of the picture's height that the course in time takes, and its least height in pixels.
BAR_HEIGHT = 1 / 10
SMALLEST_BAR = 8
COLOURS = (colormaps["turbo"](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.float32)


def explain(prediction, path, grad_cam, contract, step=None, batch_size=8):
    """Write a copy of a video with the map of its class drawn over it.

    Below, a bar shows the mean of the map over the whole video, and where in it one is.

    Args:
        prediction: `Prediction` of a video, a folder of frames or a sequence.
        path: The file to write, complete or absent; its ending chooses the container.
        grad_cam: `GradCam` of the network that predicted.
        contract: `weights.description.InputContract`.
        step: Frames from window to window, as for the prediction.
        batch_size: Windows per step.

    Raises:
        VideoError: The video cannot be read again.
        UserError: The file cannot be written.
    """
    number = int(prediction.scores.argmax())
    windows = VideoWindows(prediction.source, contract, step)
    maps, scores = [], []
    for _, _, clips in in_batches(windows, batch_size):
        for found, into in zip(grad_cam(clips, number), (maps, scores), strict=True):
            into.extend(found)
    course = Course(prediction.starts, np.stack(maps), clip_span(contract.frames, contract.stride))
    label = prediction.labels[number]
    means = np.array([course.at(frame).mean() for frame in range(windows.n_frames)])

    def draw(frame, picture):
        area = area_looked_at(*picture.shape[1::-1], contract)
        draw_map(picture, course.at(frame), area)
        draw_bar(picture, means / max(means.max(), 1e-12), frame)
        draw_caption(picture, f"{label}  {scores[course.window(frame)]:.2f}")

    copy_video("--explain", prediction.source, path, draw)


class Course:
    """The maps of all windows, as one course over the frames of a video.

    Args:
        starts: First frame of each window, ascending.
        maps: float32 `[K, T', S', S']`; the highest value of all becomes 1.
        span: Number of frames that a window covers.
    """

    def __init__(self, starts, maps, span):
        self._starts = np.asarray(starts)
        self._maps = maps / max(float(maps.max()), 1e-12)
        self._span = span

    def window(self, frame):
        """Number of the last window that begins at or before a frame."""
        return max(0, int(np.searchsorted(self._starts, frame, "right")) - 1)

    def at(self, frame):
        """The map of a frame, between those of the times before and after it: `[S', S']`."""
        window = self.window(frame)
        maps = self._maps[window]
        # Each map stands for the middle of its share of the window.
        place = (frame - self._starts[window] + 0.5) / self._span * len(maps) - 0.5
        place = min(max(place, 0), len(maps) - 1)
        before = int(place)
        after = min(before + 1, len(maps) - 1)
        return maps[before] + (place - before) * (maps[after] - maps[before])


def draw_map(picture, values, area):
    """Colour the part of a picture that the network sees, in place.

    Args:
        picture: uint8 `[H, W, 3]` RGB.
        values: float `[S', S']`, 0 to 1.
        area: `(x, y, width, height)` in pixels.
    """
    x, y, width, height = area
    image = Image.fromarray(np.asarray(values, np.float32))
    values = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)).clip(0, 1)
    square = picture[y : y + height, x : x + width]
    cover = COVER * values[..., None]
    colours = COLOURS[(values * 255).astype(np.uint8)]
    square[:] = (square * (1 - cover) + colours * cover).astype(np.uint8)


def draw_bar(picture, course, frame):
    """Draw a course in time at the bottom of a picture, in place.

    Args:
        picture: uint8 `[H, W, 3]` RGB.
        course: float `[N]`, 0 to 1, of all frames of the video.
        frame: The frame that the picture shows.
    """
    height, width = picture.shape[:2]
    tall = min(height, max(SMALLEST_BAR, round(height * BAR_HEIGHT)))
    bar = picture[height - tall :]
    bar[:] = bar // 4
    columns = np.arange(width)
    values = course[columns * len(course) // width]
    filled = np.arange(tall, 0, -1)[:, None] <= values * tall
    bar[:] = np.where(filled[..., None], COLOURS[(values * 255).astype(np.uint8)], bar)
    here = min(width - 1, int((frame + 0.5) / len(course) * width))
    bar[:, max(0, here - width // 400) : here + width // 400 + 1] = 255
