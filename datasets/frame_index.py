"""What is where in a video file: one pass over the packets, none of them decoded."""

import os
import stat
from dataclasses import dataclass

import av
from av.stream import Discard, Disposition

from datasets.video_error import VideoError, video_errors

# Demuxers that take a text file or a single picture for a video.
NOT_VIDEO = {"tty", "image2", "bin", "xbin", "adf", "idf"}


def open_video(path):
    """Open a file and its first video stream, ready to decode on the calling thread.

    Args:
        path: A regular file.

    Returns:
        The ``av`` container and its video stream; the caller closes the container.

    Raises:
        VideoError: There is no such file, it is not a video, or it may not be read.
    """
    with video_errors(path):
        # A named pipe would block for ever, and a directory gives a puzzling message.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise VideoError(path, "a directory, not a video file")
        if not stat.S_ISREG(mode):
            raise VideoError(path, "not a regular file")
        container = av.open(
            # Absolute, or FFmpeg takes "12:30.mp4" for an address.
            os.path.abspath(path),
            metadata_errors="replace",
            # A playlist that calls itself a video may not reach for the network.
            options={"protocol_whitelist": "file"},
        )
    try:
        with video_errors(path):
            return container, _video_stream(container, path)
    except VideoError:
        container.close()
        raise


def _video_stream(container, path):
    name = container.format.name
    if name in NOT_VIDEO or name.endswith("_pipe"):
        raise VideoError(path, "a picture or a text, not a video")
    videos = container.streams.video
    if not videos:
        raise VideoError(path, "no video stream in the file")
    moving = [s for s in videos if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise VideoError(path, "no video stream in the file, only a cover picture")
    stream = moving[0]
    if stream.codec_context is None:
        raise VideoError(path, "no decoder for the video stream")
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    # One worker process per core beats threads inside a decoder.
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    return stream


@dataclass(frozen=True)
class FrameIndex:
    """The frames of a video as its packets announce them.

    Attributes:
        n_frames: Number of frames.
        width: Of a frame as displayed, in pixels.
        height: Of a frame as displayed, in pixels.
        rotation: Quarter turns counter-clockwise from the decoded to the displayed frame, 0-3.
        fps: Mean frame rate; 0 when the file does not tell.
    """

    n_frames: int
    width: int
    height: int
    rotation: int
    fps: float

    @classmethod
    def build(cls, path):
        """Read all packets of a file, and decode its first frame for size and rotation.

        Raises:
            VideoError: The file cannot be read, or holds no frame.
        """
        container, stream = open_video(path)
        with container, video_errors(path):
            n_frames = 0
            first = None
            for packet in container.demux(stream):
                if first is None:
                    try:
                        first = next(iter(packet.decode()), None)
                    except av.error.InvalidDataError:
                        first = None
                n_frames += packet.size > 0 and not packet.is_discard
            if first is None:
                raise VideoError(path, "no frame can be decoded")
            rotation = round(first.rotation / 90) % 4
            width, height = first.width, first.height
            if rotation % 2:
                width, height = height, width
            fps = float(stream.average_rate or stream.guessed_rate or 0)
        return cls(n_frames, width, height, rotation, fps)
