"""Numbered images by a pattern such as frames/image_%05d.jpg, read like a video."""

import os
import re

from datasets.decoding.errors import VideoError
from datasets.decoding.frame_folder import CODECS, FrameFolderReader, list_names, without_gaps

# image_%05d.jpg and v_%d.png, as FFmpeg numbers the files of an image sequence.
NUMBER_PATTERN = re.compile(r"%(0\d+)?d")


def is_sequence(path):
    """Whether a path is a pattern of numbered images, and not a file that has such a name."""
    name = os.path.basename(os.fspath(path))
    return bool(NUMBER_PATTERN.search(name)) and not os.path.lexists(path)


class FrameSequenceReader(FrameFolderReader):
    """The images of a folder that fit a pattern.

    Args:
        pattern: Path with one `%d` or `%05d` in its last part. The numbers may begin
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
        names = list_names(self.path)
        named = {int(match[1]): match[0] for match in map(fits.fullmatch, names) if match}
        pattern = os.path.join(self.path, self._pattern)
        if not named:
            raise VideoError(pattern, "no image fits this pattern")
        if os.path.splitext(self._pattern)[1].lower() not in CODECS:
            raise VideoError(pattern, f"images must be one of {', '.join(CODECS)}")
        return without_gaps(pattern, named, first=min(named))
