"""Writes the picture and the sound of a copy of a video."""

import os
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Discard

from app.errors import UserError
from datasets.decoding.container import open_video
from datasets.decoding.errors import video_errors
from datasets.durable import written_aside

# Of frames that come without times.
FRAME_RATE = 25
# H.264 at a quality at which the eye sees no loss; every player knows it.
CODEC, CODEC_OPTIONS = "libx264", {"crf": "18", "preset": "veryfast"}
# Endings of the files that can be written, and what FFmpeg calls them.
CONTAINERS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov"}
# Fine enough for every usual rate.
TIME_BASE = Fraction(1, 90000)


@contextmanager
def open_copy(option, path, rate=0, sound_of=None):
    """A video to write, complete or absent.

    Args:
        option: The option that asks for it, for messages.
        path: The file; its ending is one of `CONTAINERS`.
        rate: Usual frames per second; 0 where nobody knows.
        sound_of: A video file whose sound goes along, or None.

    Yields:
        `VideoCopy`.

    Raises:
        UserError: The file cannot be written.
        VideoError: The sound cannot be read.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            written_aside(path) as aside,
            av.open(aside, "w", format=CONTAINERS[path.suffix.lower()]) as output,
        ):
            sound = None if sound_of is None else _Sound(output, sound_of)
            copy = VideoCopy(output, rate or FRAME_RATE, sound)
            yield copy
            copy.finish()
    except (OSError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{option} {path}: cannot be written: {reason}") from None


class VideoCopy:
    """Pictures and sound of a video that is written.

    Args:
        output: `av` container.
        rate: Usual frames per second.
        sound: `_Sound` or None.
    """

    def __init__(self, output, rate, sound):
        self._output = output
        self._rate = Fraction(rate).limit_denominator(1001)
        self._sound = sound
        self._time = None
        # Every stream must be there before the first packet is written.
        self._stream = output.add_stream(CODEC, rate=self._rate, options=CODEC_OPTIONS)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = TIME_BASE
        self._size = None

    def write(self, picture, seconds):
        """Add a picture.

        Args:
            picture: uint8 `[H, W, 3]` RGB; the size of the first one is that of the video.
            seconds: When to show it; where that is not later than the one before, one frame's
                duration after it.
        """
        if self._size is None:
            # H.264 with colour at half the resolution wants even sides.
            self._size = [max(2, side // 2 * 2) for side in picture.shape[1::-1]]
            self._stream.width, self._stream.height = self._size
        width, height = self._size
        time = round(seconds / TIME_BASE)
        if self._time is not None and time <= self._time:
            time = self._time + round(1 / self._rate / TIME_BASE)
        self._time = time
        if self._sound:
            self._sound.write_until(float(time * TIME_BASE))
        if picture.shape[0] >= height and picture.shape[1] >= width:
            picture = np.ascontiguousarray(picture[:height, :width])
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(width, height)
        frame.pts, frame.time_base = time, TIME_BASE
        self._output.mux(self._stream.encode(frame))

    def finish(self):
        """Write what the encoder still has, and the rest of the sound."""
        if self._size is not None:
            self._output.mux(self._stream.encode(None))
        if self._sound:
            self._sound.write_until(float("inf"))
            self._sound.finish()


class _Sound:
    """All sound of a video file, beside the pictures of its copy, which begin at 0.

    Args:
        output: `av` container.
        path: The video file.
    """

    def __init__(self, output, path):
        self._container, video = open_video(path)
        start = float((video.start_time or 0) * (video.time_base or 0))
        video.discard = Discard.all
        self._tracks = {
            stream: _Track(output, stream, start)
            for stream in self._container.streams.audio
            if stream.codec_context is not None
        }
        self._errors = video_errors(path)
        self._packets = self._container.demux(*self._tracks) if self._tracks else iter(())
        self._next = self._read()

    def write_until(self, seconds):
        """Add the packets up to a time of the copy."""
        while self._next is not None and self._tracks[self._next.stream].time(self._next) < seconds:
            self._tracks[self._next.stream].write(self._next)
            self._next = self._read()

    def finish(self):
        """Write what the encoders still have."""
        for track in self._tracks.values():
            track.finish()
        self._container.close()

    def _read(self):
        while True:
            with self._errors:
                packet = next(self._packets, None)
            if packet is None or packet.dts is not None:
                return packet


class _Track:
    """A track of sound: copied bit by bit, or as AAC where the container cannot hold it.

    Args:
        output: `av` container.
        source: The `av` audio stream to take it from.
        start: What becomes the time 0, in seconds of the source.
    """

    def __init__(self, output, source, start):
        # Switched off by open_video, which looks at the picture only.
        source.discard = Discard.default
        self._output = output
        self._unit = source.time_base
        self._offset = -round(start / self._unit)
        self._latest = self._samples = None
        try:
            self._stream = output.add_stream_from_template(source)
            self._copied = True
        except ValueError:
            # Old formats count their channels, but do not say which is which.
            layout = "mono" if source.channels == 1 else "stereo"
            self._stream = output.add_stream("aac", rate=source.rate, layout=layout)
            self._copied = False

    def time(self, packet):
        """When a packet of the source is heard, in seconds of the copy."""
        return float((packet.dts + self._offset) * self._unit)

    def write(self, packet):
        """Add a packet of the source."""
        if self._copied:
            if self._latest is not None and packet.dts + self._offset <= self._latest:
                # Where files were joined, the times start again.
                self._offset = self._latest + max(1, packet.duration or 0) - packet.dts
            self._latest = packet.dts + self._offset
            packet.pts = self._latest if packet.pts is None else packet.pts + self._offset
            packet.dts = self._latest
            packet.stream = self._stream
            self._output.mux(packet)
            return
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            return
        for frame in frames:
            # Times by the block, as old formats have them, are too coarse for an encoder.
            if self._samples is None:
                start = (frame.time or 0) + float(self._offset * self._unit)
                self._samples = round(start * frame.sample_rate)
            frame.pts, frame.time_base = self._samples, Fraction(1, frame.sample_rate)
            self._samples += frame.samples
            self._output.mux(self._stream.encode(frame))

    def finish(self):
        """Write what the encoder still has."""
        if not self._copied:
            self._output.mux(self._stream.encode(None))


def has_sound(source):
    """Whether a `VideoSource` is a file, which alone may have sound."""
    return source.kind == "video" and os.path.isfile(source.name)
