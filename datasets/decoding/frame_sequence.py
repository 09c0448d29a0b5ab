"""Numbered images by a pattern such as frames/image_%05d.jpg, read like a video."""

import os
import re

from datasets.decoding.errors import VideoError, video_errors
from datasets.decoding.frame_folder import CODECS, FrameFolderReader

# image_%05d.jpg and v_%d.png, as FFmpeg numbers the files of an image sequence.
NUMBER_PATTERN = re.compile(r"%(0\d+)?d")


class FrameSequenceReader(FrameFolderReader):
    """The images of a folder that fit a pattern, with the interface of ``VideoReader``.

    Args:
        pattern: Path with one ``%d`` or ``%05d`` in its last part. The numbers may begin
            anywhere, but have no gaps.

    Raises:
        VideoError: No image fits, one is missing, or one cannot be read.
    """

    def __init__(self, pattern):
        folder, self._pattern = os.path.split(pattern)
        super().__init__(folder or ".")

    def _list_frames(self):
        number = NUMBER_PATTERN.search(self._pattern)
        before, after = self._pattern[: number.start()], self._pattern[number.end() :]
        fits = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
        with video_errors(self.path):
            names = os.listdir(self.path)
        named = {int(match[1]): match[0] for match in map(fits.fullmatch, names) if match}
        pattern = os.path.join(self.path, self._pattern)
        if not named:
            raise VideoError(pattern, "no image fits this pattern")
        if os.path.splitext(self._pattern)[1].lower() not in CODECS:
            raise VideoError(pattern, f"images must be one of {', '.join(CODECS)}")
        numbers = sorted(named)
        for expected, number in enumerate(numbers, start=numbers[0]):
            if number != expected:
                raise VideoError(pattern, f"frame {expected} is missing")
        return [named[number] for number in numbers]
