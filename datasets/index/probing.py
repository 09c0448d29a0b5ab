"""What one video file is: frames, rate, size and codec, and whether it is whole."""

import os
from typing import NamedTuple

from datasets.decoding.container import decode_in_order, open_video
from datasets.decoding.errors import VideoError
from datasets.decoding.frame_folder import FrameFolderReader
from datasets.decoding.open_reader import open_reader

# Good files claim a few frames more than they hold; one cut short claims many more.
TRUNCATED = 0.9


class Probe(NamedTuple):
    """What was found out about one video.

    Attributes:
        path: The file, or the folder of extracted frames.
        size: Its size in bytes; with `modified` it tells whether the probe still holds.
        modified: Time of its last change, in nanoseconds.
        verified: Whether every frame was decoded.
        frames: Number of frames; 0 where it cannot be read.
        fps: Frames per second; 0 where the file does not tell.
        width: Of a frame as displayed, in pixels.
        height: Of a frame as displayed, in pixels.
        codec: Name of the codec.
        error: Why it cannot be read; empty when it can.
        damage: What is broken in it although it can be read; empty when nothing is.
        frames_at: Where its packet index begins in the file of packet indexes beside the index.
        frames_bytes: Length of that; 0 where there is none.
    """

    path: str
    size: int
    modified: int
    verified: bool
    frames: int = 0
    fps: float = 0.0
    width: int = 0
    height: int = 0
    codec: str = ""
    error: str = ""
    damage: str = ""
    frames_at: int = 0
    frames_bytes: int = 0


def file_state(path):
    """Return `(size, modified)` as a probe holds them; -1 twice for what is not there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        # ValueError: a name with a zero byte.
        return -1, -1
    return status.st_size, status.st_mtime_ns


def probe_video(path, verify=False, packet_indexes=None):
    """Find out about one video; whatever is wrong with it is in the result, not raised.

    Args:
        path: A video file or a folder of extracted frames.
        verify: Whether to decode every frame.
        packet_indexes: A `PacketIndexStore` to leave the packet index of a file in.

    Returns:
        `Probe`.
    """
    probe = Probe(path, *file_state(path), verified=verify)
    try:
        if os.path.isdir(path):
            return _probe_frames(probe)
        return _probe_file(probe, packet_indexes)
    except VideoError as error:
        # For a folder of frames the error may name one of them.
        within = "" if error.path == path else f"{os.path.basename(error.path)}: "
        return probe._replace(error=within + error.reason)


def _probe_file(probe, packet_indexes):
    if probe.size < 0:
        raise VideoError(probe.path, "there is no such file")
    with open_reader(probe.path, packet_indexes) as reader:
        probe = probe._replace(
            frames=len(reader), fps=reader.fps, width=reader.width, height=reader.height
        )
    container, stream = open_video(probe.path)
    with container:
        codec = stream.codec_context.name
        promised = stream.frames
        frames, complaints = probe.frames, []
        if probe.verified:
            frames, complaints = _decode_all(probe.path, container, stream)
            if frames < probe.frames:
                complaints.append(f"{frames:,} frames come out of {probe.frames:,} in it")
    if frames == 0:
        raise VideoError(probe.path, "no frame can be decoded")
    if frames < TRUNCATED * promised:
        complaints.append(f"its header promises {promised:,} frames, {frames:,} are there")
    return probe._replace(frames=frames, codec=codec, damage="; ".join(complaints))


def _decode_all(path, container, stream):
    """Count the frames that come out of the decoder, and lists what it complains about."""
    frames = corrupt = refused = 0
    for _, decoded in decode_in_order(path, container, stream):
        if decoded is None:
            refused += 1
            continue
        frames += len(decoded)
        corrupt += sum(frame.is_corrupt for frame in decoded)
    complaints = []
    if corrupt:
        complaints.append(f"{corrupt:,} of {frames:,} frames are corrupt")
    if refused:
        complaints.append(f"{refused:,} packets cannot be decoded")
    return frames, complaints


def _probe_frames(probe):
    with FrameFolderReader(probe.path) as reader:
        if probe.verified:
            for index in range(len(reader)):
                reader.read([index])
        return probe._replace(
            frames=len(reader), width=reader.width, height=reader.height, codec="images"
        )
