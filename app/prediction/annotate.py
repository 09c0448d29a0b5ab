"""A copy of a video with its class and score drawn on it, and the sound kept."""

import bisect

import numpy as np

from app.prediction.caption import draw_caption
from app.prediction.video_copy import FRAME_RATE, has_sound, open_copy
from app.prediction.windows import frame_times
from datasets.decoding.open_reader import open_reader


def annotate(prediction, path):
    """Write a copy of a video with the best class of every window drawn on it.

    Args:
        prediction: `Prediction` of a video, a folder of frames or a sequence.
        path: The file to write, complete or absent; its ending chooses the container.

    Raises:
        VideoError: The video cannot be read again.
        UserError: The file cannot be written.
    """

    def draw(number, picture):
        window = max(0, bisect.bisect_right(prediction.starts, number) - 1)
        best, score = prediction.best[window]
        draw_caption(picture, f"{prediction.labels[best]}  {score:.2f}")

    copy_video("--annotate", prediction.source, path, draw)


def copy_video(option, source, path, draw):
    """Write a copy of a video with something drawn on it.

    Args:
        option: The option that asks for it, for messages.
        source: `VideoSource` of a video, a folder of frames or a sequence.
        path: The file to write.
        draw: Called with the number of each frame and its picture, uint8 `[H, W, 3]` RGB, to
            draw on.
    """
    sound_of = source.name if has_sound(source) else None
    with open_reader(source.name) as reader, open_copy(option, path, reader.fps, sound_of) as copy:
        times = frame_times(reader)
        times = np.arange(len(reader)) / FRAME_RATE if times is None else times
        for number, picture in enumerate(reader.iterate()):
            picture = np.array(picture, order="C")
            draw(number, picture)
            copy.write(picture, float(times[number]))
