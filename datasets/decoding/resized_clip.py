"""Clips of frames that are brought to one size first, as torchvision's networks were evaluated.

Whatever their aspect ratio, frames become as large as `ResizedSquare` says, each pixel mixed of
the four nearest ones of the frame; nothing is smoothed, as `ClipFilter` does where it scales down.
A square is cut out of that. Only its pixels are computed.
"""

from typing import NamedTuple

import numpy as np
from av.video.reformatter import VideoReformatter

from datasets.decoding.errors import video_errors
from datasets.decoding.orientation import UPRIGHT


class ResizedSquare(NamedTuple):
    """A crop that lies in the resized frame, not in that of the video.

    Attributes:
        x, y: Its left upper corner, in pixels of the resized frame.
        width, height: Of the resized frame.
    """

    x: int
    y: int
    width: int
    height: int

    def in_video(self, size, width, height):
        """Where it lies in a frame of the video: `(x, y, width, height)` in pixels.

        Args:
            size: Side of the square.
            width, height: Of the frame of the video.
        """
        across, down = width / self.width, height / self.height
        return tuple(
            round(value) for value in (self.x * across, self.y * down, size * across, size * down)
        )


def centred(resize, size):
    """The square in the middle of a resized frame.

    Args:
        resize: `(height, width)` of the resized frame.
        size: Side of the square.

    Returns:
        `ResizedSquare`; half a pixel is rounded to the even one, as torchvision's crop does.
    """
    height, width = resize
    return ResizedSquare(round((width - size) / 2), round((height - size) / 2), width, height)


class ResizedClip:
    """Collects the frames of one clip, in display order; the counterpart of `ClipFilter`.

    Args:
        path: The video, for the message of an error.
        n_frames: Number of frames that will be pushed.
        square: `ResizedSquare`.
        size: Its side in pixels.
        flip: Whether to mirror left and right.
        orientation: `Orientation` of the video.
    """

    def __init__(self, path, n_frames, square, size, flip=False, orientation=UPRIGHT):
        self._errors = video_errors(path)
        self._square, self._size, self._flip = square, size, flip
        self._orientation = orientation
        self._reformatter = VideoReformatter()
        self._out = np.empty((3, n_frames, size, size), np.uint8)
        self._pushed = 0

    def push(self, frame):
        """Add the next frame, an `av.VideoFrame` as decoded.

        Raises:
            VideoError: FFmpeg cannot convert it.
        """
        with self._errors:
            picture = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        picture = self._orientation.shown(picture)
        square = self._square
        pixels = _mixed(picture, square.y, square.height, self._size, axis=0)
        pixels = _mixed(pixels, square.x, square.width, self._size, axis=1)
        pixels = np.rint(pixels).astype(np.uint8)
        self._out[:, self._pushed] = (pixels[:, ::-1] if self._flip else pixels).transpose(2, 0, 1)
        self._pushed += 1

    def finish(self):
        """Return uint8 `[3, n_frames, size, size]` once every frame has been pushed."""
        if self._pushed != self._out.shape[1]:
            raise RuntimeError(f"{self._pushed} frames of {self._out.shape[1]} were pushed")
        return self._out


def _mixed(picture, start, resized, size, axis):
    """Rows or columns of a resized picture: `size` of `resized`, from number `start` on."""
    length = picture.shape[axis]
    place = (np.arange(start, start + size, dtype=np.float32) + 0.5) * (length / resized) - 0.5
    place = place.clip(0, length - 1)
    before = place.astype(np.int64)
    share = (place - before).astype(np.float32)
    share = share.reshape(-1, *[1] * (picture.ndim - 1 - axis))
    near, far = (picture.take(n, axis) for n in (before, np.minimum(before + 1, length - 1)))
    return near * (1 - share) + far * share
