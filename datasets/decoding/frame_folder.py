"""Videos that were extracted to folders of JPEG or PNG frames, read like video files."""

import os
import re

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from datasets.decoding.clip_filter import ClipFilter, centred_square
from datasets.decoding.errors import VideoError, video_errors

CODECS = {".jpg": "mjpeg", ".jpeg": "mjpeg", ".png": "png"}
# image_00001.jpg as the PyTorch original extracts them; v_X_1.jpg, without zeros, is usual too.
FRAME_NAME = re.compile(r"(?P<number>\d{1,9})\.(?:jpe?g|png)$", re.IGNORECASE)


def frame_number(name):
    """The number of a frame by its file name, or None for a file that is no frame."""
    match = None if name.startswith(".") else FRAME_NAME.search(name)
    return match and int(match["number"])


class FrameFolderReader:
    """Random access to the frames in a folder, with the interface of ``VideoReader``.

    Frames are taken in the order of the number at the end of their names, and must be numbered
    without gaps from 0 or 1: a missing one would shift all that follow.

    Args:
        path: The folder.

    Attributes:
        path: The folder.
        width: Of the first frame, in pixels.
        height: Of the first frame, in pixels.
        fps: Always 0, "not told": image files do not know it.

    Raises:
        VideoError: The folder holds no frames, or not all, or the first one cannot be read. Every
            method raises it for damage that shows only later.
    """

    fps = 0.0

    def __init__(self, path):
        self.path = os.fspath(path)
        self._names = self._list_frames()
        first = self._decode(0)
        self.width, self.height = first.width, first.height

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Nothing is kept open between two calls."""

    def __len__(self):
        return len(self._names)

    def read(self, indices):
        """Read whole frames.

        Args:
            indices: Frame numbers ``[T]``, counted from 0; any order, repeats allowed.

        Returns:
            uint8 ``[T, H, W, 3]`` RGB.

        Raises:
            VideoError: A frame cannot be read, or differs in size from the first one.
        """
        indices = self._checked(indices, 1)
        out = np.empty((len(indices), self.height, self.width, 3), np.uint8)
        reformatter = VideoReformatter()
        for index in np.unique(indices):
            frame = self._decode(index)
            if (frame.width, frame.height) != (self.width, self.height):
                raise VideoError(
                    self._file(index),
                    f"is {frame.width}x{frame.height}, the first frame {self.width}x{self.height}",
                )
            with video_errors(self._file(index)):
                rgb = reformatter.reformat(frame, format="rgb24", threads=1)
                out[indices == index] = rgb.to_ndarray()
        return out

    def read_clip(self, start, frames=16, stride=1, crop=None, size=112, flip=False):
        """Read one clip of evenly spaced frames; see ``VideoReader.read_clip``."""
        indices = start + stride * np.arange(frames)
        return self.read_clips(indices[None], crop, size, flip)[0]

    def read_clips(self, indices, crop=None, size=112, flip=False):
        """Read several clips, cropped and scaled.

        Args:
            indices: Frame numbers ``[K, T]``; any order, repeats allowed.
            crop: ``(x, y, width, height)`` in pixels, or K of them; the centred square of the
                short side when None.
            size: Side of the output in pixels.
            flip: Whether to mirror left and right; one bool or K.

        Returns:
            uint8 ``[K, 3, T, size, size]`` RGB.

        Raises:
            VideoError: A frame cannot be read.
        """
        indices = self._checked(indices, 2)
        out = np.empty((len(indices), 3, indices.shape[1], size, size), np.uint8)
        for k, clip in self.iterate_clips(indices, crop, size, flip):
            out[k] = clip
        return out

    def iterate_clips(self, indices, crop=None, size=112, flip=False):
        """As ``read_clips``, but give each clip as soon as it is read.

        Yields:
            Pairs of clip number, 0 to K - 1, and uint8 ``[3, T, size, size]``.
        """
        indices = self._checked(indices, 2)
        crops = self._checked_crops(crop, len(indices))
        flips = np.broadcast_to(flip, len(indices))
        for k, row in enumerate(indices):
            distinct, order = np.unique(row, return_inverse=True)
            clip = ClipFilter(
                len(distinct), (self.width, self.height), crops[k], size, bool(flips[k])
            )
            for index in distinct:
                frame = self._decode(index)
                with video_errors(self._file(index)):
                    clip.push(frame)
            with video_errors(self.path):
                yield k, clip.finish()[:, order]

    def _list_frames(self):
        """File names in the order of their numbers."""
        name_of = {}
        with video_errors(self.path):
            for name in sorted(os.listdir(self.path)):
                number = frame_number(name)
                if number is None:
                    continue
                if number in name_of:
                    raise VideoError(
                        self.path, f"{name_of[number]} and {name} are both frame {number}"
                    )
                name_of[number] = name
        if not name_of:
            raise VideoError(self.path, "a folder without frames such as image_00001.jpg")
        numbers = sorted(name_of)
        for expected, number in enumerate(numbers, start=min(numbers[0], 1)):
            if number != expected:
                raise VideoError(self.path, f"frame {expected} is missing")
        return [name_of[number] for number in numbers]

    def _file(self, index):
        return os.path.join(self.path, self._names[index])

    def _decode(self, index):
        """One frame as an ``av.VideoFrame``.

        The decoder is fed directly: opening each image as a file of its own would cost more than
        decoding it. It is a new one every time, because FFmpeg's PNG decoder garbles the second
        image it is given.
        """
        path = self._file(index)
        with video_errors(path):
            with open(path, "rb") as file:
                data = file.read()
            if not data:
                raise VideoError(path, "an empty file")
            decoder = av.CodecContext.create(CODECS[os.path.splitext(path)[1].lower()], "r")
            # Otherwise half a JPEG is a grey half of a picture, and no error.
            decoder.options = {"err_detect": "explode"}
            decoder.thread_type = "NONE"
            decoder.thread_count = 1
            frames = decoder.decode(av.Packet(data))
        if not frames or frames[0].is_corrupt:
            raise VideoError(path, "the image is damaged")
        return frames[0]

    def _checked(self, indices, ndim):
        indices = np.asarray(indices)
        if indices.ndim != ndim or indices.size == 0 or indices.dtype.kind not in "iu":
            shape = "[T]" if ndim == 1 else "[K, T]"
            raise ValueError(f"frame numbers must be whole numbers of shape {shape}, not empty")
        if indices.min() < 0:
            raise ValueError(f"frame numbers start at 0, not at {indices.min()}")
        if indices.max() >= len(self):
            raise VideoError(
                self.path, f"frame {indices.max()} asked for, there are {len(self)} frames"
            )
        return indices

    def _checked_crops(self, crop, n_clips):
        if crop is None:
            crop = centred_square(self.width, self.height)
        crops = np.broadcast_to(np.asarray(crop, np.int64), (n_clips, 4))
        for x, y, width, height in crops:
            if not (0 <= x < x + width <= self.width and 0 <= y < y + height <= self.height):
                raise ValueError(f"crop {crop} leaves the frame of {self.width}x{self.height}")
        return [tuple(map(int, one)) for one in crops]
