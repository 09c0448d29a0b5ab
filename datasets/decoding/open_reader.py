"""Opens whatever holds numbered frames: a video file, a folder of images or a row of them."""

import os

from datasets.decoding.frame_folder import FrameFolderReader
from datasets.decoding.frame_sequence import FrameSequenceReader, is_sequence
from datasets.decoding.video_reader import VideoReader


def open_reader(path, packet_indexes=None):
    """Open a video file, a folder of extracted frames, or images by a pattern.

    Args:
        path: The file, the folder, or a pattern such as `frames/image_%05d.jpg`.
        packet_indexes: Where the packet indexes of files are kept, a `PacketIndexStore`; None
            builds a new one every time.

    Returns:
        `Reader`.

    Raises:
        VideoError: It is none of them, or cannot be read.
    """
    if os.path.isdir(path):
        return FrameFolderReader(path)
    if is_sequence(path):
        return FrameSequenceReader(path)
    return VideoReader(path, index=None if packet_indexes is None else packet_indexes.get(path))
