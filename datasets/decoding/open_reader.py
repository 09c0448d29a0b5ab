"""Opens whatever holds numbered frames: a video file or a folder of images."""

import os

from datasets.decoding.frame_folder import FrameFolderReader
from datasets.decoding.video_reader import VideoReader


def open_reader(path, packet_indexes=None):
    """Opens a video file, or a folder of extracted frames, whichever a path names.

    Args:
        path: The file or folder.
        packet_indexes: Where the packet indexes of files are kept, a ``PacketIndexStore``; None
            builds a new one every time.

    Raises:
        VideoError: It is neither, or cannot be read.
    """
    if os.path.isdir(path):
        return FrameFolderReader(path)
    return VideoReader(path, index=None if packet_indexes is None else packet_indexes.get(path))
