"""A copy of a video with its class and score drawn on it, and the sound kept."""

import bisect
import os
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Discard
from av.video.reformatter import VideoReformatter

from app.errors import UserError
from app.prediction.caption import draw_caption
from app.prediction.windows import open_source
from datasets.decoding.container import open_video
from datasets.decoding.errors import video_errors

# Of frames that come without times.
FRAME_RATE = 25
# H.264 at a quality at which the eye sees no loss; every player knows it.
CODEC, CODEC_OPTIONS = "libx264", {"crf": "18", "preset": "veryfast"}


def annotate(prediction, path):
    """Write a copy of a video with the best class of every window drawn on it.

    Args:
        prediction: `Prediction` of a video, a folder of frames or a sequence.
        path: The file to write, complete or absent; its suffix chooses the container.

    Raises:
        VideoError: The video cannot be read again.
        UserError: The file cannot be written.
    """
    with _written_aside(path) as aside:
        source = prediction.source
        if source.kind == "video" and os.path.isfile(source.name):
            _annotate_file(prediction, aside)
        else:
            _annotate_images(prediction, aside)


def _annotate_file(prediction, aside):
    name = prediction.source.name
    with open_source(prediction.source) as reader:
        orientation, rate = reader.index.orientation, Fraction(reader.index.rate or FRAME_RATE)
        shown_size = reader.width, reader.height
    size = orientation.size(*shown_size)
    container, stream = open_video(name)
    with container, av.open(str(aside), "w") as output:
        # The times of avi are those of decoding, not of showing: count its frames instead.
        counted = container.format.name == "avi" or not stream.time_base
        # Every stream must be there before the first packet is written.
        writer = _Writer(output, shown_size, rate, 1 / rate if counted else stream.time_base)
        sound = {source: _Sound(output, source) for source in container.streams.audio}
        reformatter = VideoReformatter()
        number = 0
        for packet in _packets(container, stream, sound, name):
            if packet.stream is not stream:
                sound[packet.stream].write(packet)
                continue
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                # As in the prediction: most often the next packet goes on.
                continue
            for frame in frames:
                with video_errors(name):
                    # A video may change its size midway; the copy keeps one.
                    rgb = reformatter.reformat(frame, *size, format="rgb24", threads=1).to_ndarray()
                time = number if counted else frame.pts
                writer.write(orientation.shown(rgb), _caption(prediction, number), time)
                number += 1
        for written in (writer, *sound.values()):
            written.finish()


def _packets(container, stream, sound, name):
    with video_errors(name):
        for packet in container.demux(stream, *sound):
            if packet.stream is stream or packet.dts is not None:
                yield packet


class _Sound:
    """Sound of the output: copied bit by bit, or as AAC where the container cannot hold it.

    Args:
        output: ``av`` container.
        source: The ``av`` audio stream to take it from.
    """

    def __init__(self, output, source):
        # Switched off by open_video, which looks at the picture only.
        source.discard = Discard.default
        self._output = output
        self._samples = None
        try:
            self._stream = output.add_stream_from_template(source)
            self._copied = True
        except ValueError:
            # Old formats count their channels, but do not say which is which.
            layout = "mono" if source.channels == 1 else "stereo"
            self._stream = output.add_stream("aac", rate=source.rate, layout=layout)
            self._copied = False

    def write(self, packet):
        """Add a packet of the source."""
        if self._copied:
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
                self._samples = round((frame.time or 0) * frame.sample_rate)
            frame.pts, frame.time_base = self._samples, Fraction(1, frame.sample_rate)
            self._samples += frame.samples
            self._output.mux(self._stream.encode(frame))

    def finish(self):
        """Write what the encoder still has."""
        if not self._copied:
            self._output.mux(self._stream.encode(None))


def _annotate_images(prediction, aside):
    with open_source(prediction.source) as reader, av.open(str(aside), "w") as output:
        rate = Fraction(FRAME_RATE)
        writer = _Writer(output, (reader.width, reader.height), rate, 1 / rate)
        for number in range(len(reader)):
            writer.write(reader.read([number])[0], _caption(prediction, number), number)
        writer.finish()


class _Writer:
    """The picture of the output.

    Args:
        output: ``av`` container.
        size: Width and height of the pictures.
        rate: Frames per second.
        time_base: Unit of the times.
    """

    def __init__(self, output, size, rate, time_base):
        self._output = output
        self._time_base = time_base
        self._time = None
        # H.264 with colour at half the resolution wants even sides.
        self._width, self._height = (max(2, side // 2 * 2) for side in size)
        self._stream = output.add_stream(CODEC, rate=rate, options=CODEC_OPTIONS)
        self._stream.width, self._stream.height = self._width, self._height
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = time_base

    def write(self, picture, caption, time):
        """Add a picture.

        Args:
            picture: uint8 ``[H, W, 3]`` RGB.
            caption: Text to draw on it.
            time: When to show it, in units of the time base; None for right after the last one.
        """
        picture = np.array(picture[: self._height, : self._width], order="C")
        draw_caption(picture, caption)
        if self._time is not None and (time is None or time <= self._time):
            # Encoders want times that grow.
            time = self._time + 1
        self._time = time or 0
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._time, self._time_base
        self._output.mux(self._stream.encode(frame))

    def finish(self):
        """Write what the encoder still has."""
        self._output.mux(self._stream.encode(None))


def _caption(prediction, number):
    window = max(0, bisect.bisect_right(prediction.starts, number) - 1)
    best, score = prediction.best[window]
    return f"{prediction.labels[best]}  {score:.2f}"


@contextmanager
def _written_aside(path):
    path = Path(path)
    aside = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield aside
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except (OSError, av.FFmpegError) as error:
        raise UserError(
            f"--annotate {path}: cannot be written: {getattr(error, 'strerror', None) or error}"
        ) from None
