"""Strips of frames of a video, small enough to have dozens of them in one page."""

import base64
import io
import os

import numpy as np
from PIL import Image

from app.prediction.explain import Course, draw_map
from datasets.clips.crops import squares_to_look_at
from datasets.clips.frame_choice import even_clips
from datasets.decoding import VideoError, open_reader

# Frames of a strip, and their height in pixels.
FRAMES, HEIGHT = 4, 72
QUALITY = 55


def strip_uri(path):
    """Some frames of a video side by side, as the address of a WebP picture inside a page.

    Args:
        path: The video, or folder of frames.

    Returns:
        A `data:` address of some kB; None where the video cannot be read any more.
    """
    if not os.path.exists(path):
        return None
    try:
        with open_reader(path) as reader:
            places = np.linspace(0, len(reader) - 1, FRAMES + 2)[1:-1].round().astype(int)
            frames = reader.read(places)
    except VideoError:
        return None
    return _address(frames)


def explained_strip_uri(path, number, grad_cam, contract):
    """Frames of the clip in the middle of a video, with what spoke for a class laid over them.

    Args:
        path: The video, or folder of frames.
        number: Number of the class.
        grad_cam: `app.prediction.grad_cam.GradCam`.
        contract: `weights.description.InputContract`.

    Returns:
        As `strip_uri`.
    """
    if not os.path.exists(path):
        return None
    try:
        with open_reader(path) as reader:
            middle = even_clips(len(reader), contract.frames, contract.stride, clips=1)
            crops = squares_to_look_at(reader.width, reader.height, contract)
            ((_, clip),) = reader.iterate_clips(middle, crops, contract.size)
    except VideoError:
        return None
    maps, _ = grad_cam(clip[None], number)
    course = Course([0], maps, contract.frames)
    pictures = np.ascontiguousarray(clip.transpose(1, 2, 3, 0))
    places = ((np.arange(FRAMES) + 0.5) / FRAMES * contract.frames).astype(int)
    for place in places:
        draw_map(pictures[place], course.at(place), (0, 0, contract.size, contract.size))
    return _address(pictures[places])


def _address(frames):
    width = max(1, round(frames.shape[2] * HEIGHT / frames.shape[1]))
    strip = Image.new("RGB", (width * FRAMES, HEIGHT))
    for place, frame in enumerate(frames):
        strip.paste(Image.fromarray(frame).resize((width, HEIGHT)), (place * width, 0))
    file = io.BytesIO()
    strip.save(file, "WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
