"""Opens a video file for decoding, and refuses what is none."""

import itertools
import os
import stat

import av
from av.stream import Discard, Disposition

from datasets.decoding.errors import VideoError, video_errors

# Demuxers that take a text file or a single picture for a video.
NOT_VIDEO = {"tty", "image2", "bin", "xbin", "adf", "idf"}
# A playlist that calls itself a video may not reach for the network.
OPTIONS = {"protocol_whitelist": "file"}
# Do not decode anything in search of what the header already says.
QUICK_OPTIONS = {**OPTIONS, "probesize": "32", "skip_frame": "all"}


def open_video(path, quick=False):
    """Open a file and its first video stream, ready to decode on the calling thread.

    Args:
        path: A regular file.
        quick: Trust the container's header for all that decoding needs.

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
            options=QUICK_OPTIONS if quick else OPTIONS,
        )
    try:
        with video_errors(path):
            return container, _video_stream(container, path)
    except VideoError:
        container.close()
        raise


def packets_of(container, stream):
    """The packets of a stream that hold something.

    An empty packet, as avi has for a dropped frame, would tell the decoder that the file ends.
    """
    return (packet for packet in container.demux(stream) if packet.size > 0)


def decode_in_order(container, stream):
    """Decode a stream to its end.

    Yields:
        The list of frames that each packet gave, None for one that the decoder refused.
    """
    context = stream.codec_context
    for packet in itertools.chain(packets_of(container, stream), [None]):
        try:
            yield context.decode(packet)
        except av.error.InvalidDataError:
            # Most often the next packet goes on.
            yield None


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
