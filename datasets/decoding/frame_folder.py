"""Videos that were extracted to folders of JPEG or PNG frames, read like video files."""

import os
import re

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from datasets.decoding.clip_filter import collect_clip
from datasets.decoding.errors import VideoError, file_errors, video_errors
from datasets.decoding.reader import Reader

CODECS = {".jpg": "mjpeg", ".jpeg": "mjpeg", ".png": "png"}
# image_00001.jpg as the PyTorch original extracts them; v_X_1.jpg, without zeros, is usual too.
FRAME_NAME = re.compile(r"(?P<number>\d{1,9})\.(?:jpe?g|png)$", re.IGNORECASE)
# flow_x_00001.jpg, video.flow.1.png, x_00001.jpg.
FLOW_NAME = re.compile(
    r"(?:^|[^a-z])(?:flow[^a-z]*[xyuv]?|[xyuv])[^a-z\d]*\d+\.(?:jpe?g|png)$", re.IGNORECASE
)


def frame_number(name):
    """The number of a frame by its file name, or None for a file that is no frame."""
    match = None if name.startswith(".") else FRAME_NAME.search(name)
    return match and int(match["number"])


def flow_names(names):
    """Which names of frames are those of optical flow beside RGB frames.

    Tools that extract both write `img_00001.jpg`, `flow_x_00001.jpg` and `flow_y_00001.jpg` into
    one folder. Where all are flow, none is beside another.
    """
    flow = {name for name in names if FLOW_NAME.search(name)}
    return flow if len(flow) < len(names) else set()


def list_names(folder):
    """The names in a folder, sorted.

    Raises:
        VideoError: The folder cannot be read.
    """
    with file_errors(folder):
        return sorted(os.listdir(folder))


def without_gaps(path, name_of, first):
    """The names of frames in the order of their numbers.

    Args:
        path: Of the folder or pattern, for the message.
        name_of: `{number: name}`.
        first: The number that the first one must have.

    Raises:
        VideoError: A number is missing.
    """
    for expected, number in enumerate(sorted(name_of), start=first):
        if number != expected:
            raise VideoError(path, f"frame {expected} is missing")
    return [name_of[number] for number in sorted(name_of)]


class FrameFolderReader(Reader):
    """The frames in a folder.

    Frames are taken in the order of the number at the end of their names, and must be numbered
    without gaps from 0 or 1: a missing one would shift all that follow. Width and height are those
    of the first frame; image files know no times.

    Args:
        path: The folder.

    Raises:
        VideoError: The folder holds no frames, or not all, or the first one cannot be read. Every
            method raises it for damage that shows only later.
    """

    def __init__(self, path):
        self.path = os.fspath(path)
        self._names = self._list_frames()
        first = self._decode(0)
        self.width, self.height = first.width, first.height

    def __len__(self):
        return len(self._names)

    def _read(self, indices):
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
                rgb = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
            out[indices == index] = rgb
        return out

    def _iterate_clips(self, rows, crops, size, flips):
        for k, row in enumerate(rows):
            distinct, order = np.unique(self._checked(row, 1), return_inverse=True)
            shape = self.width, self.height
            clip = collect_clip(self.path, len(distinct), shape, crops[k], size, flips[k])
            for index in distinct:
                clip.push(self._decode(index))
            yield k, clip.finish()[:, order]

    def _list_frames(self):
        """File names in the order of their numbers."""
        names = [name for name in list_names(self.path) if frame_number(name) is not None]
        flow = flow_names(names)
        name_of = {}
        for name in names:
            number = frame_number(name)
            if name in flow:
                continue
            if number in name_of:
                raise VideoError(self.path, f"{name_of[number]} and {name} are both frame {number}")
            name_of[number] = name
        if not name_of:
            raise VideoError(self.path, "a folder without frames such as image_00001.jpg")
        return without_gaps(self.path, name_of, first=min(min(name_of), 1))

    def _file(self, index):
        return os.path.join(self.path, self._names[index])

    def _decode(self, index):
        """One frame as an ``av.VideoFrame``.

        The decoder is fed directly: opening each image as a file of its own would cost more than
        decoding it. It is a new one every time, because FFmpeg's PNG decoder garbles the second
        image it is given.
        """
        path = self._file(index)
        with file_errors(path), open(path, "rb") as file:
            data = file.read()
        if not data:
            raise VideoError(path, "an empty file")
        codec = CODECS[os.path.splitext(path)[1].lower()]
        with video_errors(path):
            decoder = av.CodecContext.create(codec, "r")
            # Otherwise half a JPEG is a grey half of a picture, and no error.
            decoder.options = {"err_detect": "explode"}
            decoder.thread_type = "NONE"
            decoder.thread_count = 1
            frames = decoder.decode(av.Packet(data))
        if not frames or frames[0].is_corrupt:
            raise VideoError(path, "the image is damaged")
        return frames[0]
