"""Opens a video file for decoding, and refuses what is none."""

import itertools
import os
import stat

import av
from av.stream import Discard, Disposition

from datasets.decoding.errors import VideoError, file_errors, video_errors

# Demuxers that take a text file or a single picture for a video.
NOT_VIDEO = {"tty", "image2", "bin", "xbin", "adf", "idf"}
# A playlist that calls itself a video may not reach for the network.
OPTIONS = {"protocol_whitelist": "file"}
# Do not decode anything in search of what the header already says.
QUICK_OPTIONS = {**OPTIONS, "probesize": "32", "skip_frame": "all"}


def open_video(path, quick=False, number=None):
    """Open a file and one video stream of it, ready to decode on the calling thread.

    Args:
        path: A regular file.
        quick: Trust the container's header for all that decoding needs.
        number: Number of the stream in the file; None chooses as FFmpeg does, but neither a cover
            picture nor a thumbnail.

    Returns:
        The `av` container and its video stream; the caller closes the container.

    Raises:
        VideoError: There is no such file, it is not a video, or it may not be read.
    """
    with file_errors(path):
        # A named pipe would block for ever, and a directory gives a puzzling message.
        mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise VideoError(path, "a directory, not a video file")
    if not stat.S_ISREG(mode):
        raise VideoError(path, "not a regular file")
    # Absolute, or FFmpeg takes "12:30.mp4" for an address.
    absolute, options = os.path.abspath(path), QUICK_OPTIONS if quick else OPTIONS
    with video_errors(path):
        container = av.open(absolute, metadata_errors="replace", options=options)
    try:
        stream = _video_stream(container, path, number)
        with video_errors(path):
            for other in container.streams:
                if other is not stream:
                    other.discard = Discard.all
            # One worker process per core beats threads inside a decoder.
            stream.thread_type = "NONE"
            stream.codec_context.thread_count = 1
    except BaseException:
        container.close()
        raise
    return container, stream


def packets_of(path, container, stream):
    """The packets of a stream that hold something.

    An empty packet, as avi has for a dropped frame, would tell the decoder that the file ends.

    Raises:
        VideoError: The file cannot be read on.
    """
    errors = video_errors(path)
    with errors:
        packets = container.demux(stream)
    while True:
        with errors:
            packet = next(packets, None)
        if packet is None:
            return
        if packet.size > 0:
            yield packet


def decode(context, packet, errors):
    """Decode one packet, or with None what the decoder still holds.

    Args:
        context: `av.VideoCodecContext`.
        packet: `av.Packet` or None.
        errors: `video_errors` of the file.

    Returns:
        List of `av.VideoFrame`; None where the decoder refuses the packet: most often the next
        one goes on.
    """
    with errors:
        try:
            return context.decode(packet)
        except av.error.InvalidDataError:
            return None


def decode_in_order(path, container, stream):
    """Decode a stream to its end.

    Yields:
        Pairs of packet and frames as `decode` gives them; the last packet is None.

    Raises:
        VideoError: The file cannot be read on.
    """
    errors = video_errors(path)
    for packet in itertools.chain(packets_of(path, container, stream), [None]):
        yield packet, decode(stream.codec_context, packet, errors)


def _best_stream(container):
    """The video stream that FFmpeg chooses, but no cover picture or thumbnail beside a video."""
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    # A container that does not know says 0.
    videos = [s for s in videos if s.frames != 1] or videos
    best = container.streams.best("video")
    return best if best in videos else max(videos, key=lambda one: one.frames, default=None)


def _video_stream(container, path, number):
    name = container.format.name
    if name in NOT_VIDEO or name.endswith("_pipe"):
        raise VideoError(path, "a picture or a text, not a video")
    videos = container.streams.video
    if not videos:
        raise VideoError(path, "no video stream in the file")
    if number is not None:
        chosen = [stream for stream in videos if stream.index == number]
        if not chosen:
            raise VideoError(path, f"stream {number} of the file is no video any more")
        [stream] = chosen
    else:
        stream = _best_stream(container)
        if stream is None:
            raise VideoError(path, "no video stream in the file, only a cover picture")
    if stream.codec_context is None:
        raise VideoError(path, "no decoder for the video stream")
    return stream
