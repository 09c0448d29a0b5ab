"""A training copy of one video: its frames scaled down, encoded so that any clip decodes fast.

The codec is MPEG-4 with its finest quantiser, MPEG's quantisation matrices, a key frame at least
every 16 frames and no B-frames. Measured against H.264 (crf 18, tuned for decoding; see
benchmarks/preparing.py): clips come out 1.3 times as fast, of the same quality, from files 1.6
times the size. Key frames closer together gain nothing that can be measured.
"""

import os
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType

from datasets.decoding.clip_filter import filter_graph
from datasets.decoding.errors import VideoError, video_errors
from datasets.decoding.frame_decoder import FrameDecoder, UnforeseenError
from datasets.decoding.frame_folder import FrameFolderReader
from datasets.decoding.orientation import UPRIGHT
from datasets.decoding.packet_index import PacketIndex
from datasets.durable import written_aside

CODEC = "mpeg4"
# About the length of a clip.
KEY_FRAME_DISTANCE = 16
# A quantiser fixed at 2, which no bit rate stands in the way of.
OPTIONS = {"qmin": "2", "qmax": "2", "b": "100000000", "mpeg_quant": "1"}
# The time base that frames are encoded in: MPEG-4 allows no denominators above 65,535, and the
# file has one of its own.
TICK = Fraction(1, 25)
# Images in a folder do not tell their frame rate.
FOLDER_RATE = Fraction(25)
# A video with a larger share of damaged frames is not worth copying.
MAX_DAMAGE = 0.25


def write_copy(source, target, short_side):
    """Write the training copy of a video: complete or not at all.

    Frame number i of the copy is frame number i of the original, as ``VideoReader`` counts them
    and turned as it is displayed, and the mean frame rate is the same; so annotated segments
    mean the same frames, in frames and in seconds. Frames are never scaled up, and become even
    in size. The source may change its picture size midway.

    Args:
        source: A video file, or a folder of extracted frames; these get 25 frames per second.
        target: File to write, an mp4 whatever its name; its folder exists.
        short_side: Length of the shorter side in pixels.

    Returns:
        ``(n_frames, damaged)``: number of frames, and how many are damaged or missing in
        the source.

    Raises:
        VideoError: The source cannot be read, is too much damaged, or cannot be encoded.
        OSError: The target cannot be written.
    """
    frames = _folder_frames(source) if os.path.isdir(source) else _file_frames(source)
    n_frames, width, height, orientation, rate = next(frames)
    width, height = scaled_size(width, height, short_side)
    scaler = _Scaler(source, width, height, orientation)
    with written_aside(target) as aside:
        try:
            damaged = _encode(frames, aside, scaler, rate, n_frames)
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                # PyAV's own kind cannot travel between processes.
                raise OSError(error.errno, error.strerror, aside) from None
            raise VideoError(source, f"cannot be encoded: {error.strerror}") from error
        written = PacketIndex.build(aside).n_frames
        if written != n_frames:
            raise VideoError(source, f"{written:,} frames were written of {n_frames:,}")
    return n_frames, damaged


def scaled_size(width, height, short_side):
    """Width and height of a copy: even, never larger than the original, in its proportions."""
    scale = min(1, short_side / min(width, height))
    return tuple(
        max(2, min(2 * round(length * scale / 2), length - length % 2))
        for length in (width, height)
    )


def _encode(frames, path, scaler, rate, n_frames):
    """Encode all frames into a file; returns how many of them are damaged."""
    damaged = 0
    # The table of packets at the front: opening a copy then takes one place of the disk, not two.
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as output:
        stream = output.add_stream(CODEC, rate=1 / TICK, options=OPTIONS)
        stream.width, stream.height, stream.pix_fmt = scaler.width, scaler.height, "yuv420p"
        stream.codec_context.gop_size = KEY_FRAME_DISTANCE
        stream.codec_context.max_b_frames = 0
        stream.codec_context.thread_count = 1
        stream.time_base = 1 / rate
        for number, (frame, is_damaged) in enumerate(frames):
            damaged += is_damaged
            if damaged > MAX_DAMAGE * n_frames:
                raise VideoError(
                    scaler.source, f"{damaged:,} or more of {n_frames:,} frames are damaged"
                )
            scaled = scaler.scale(frame)
            scaled.pts, scaled.time_base = number, TICK
            # As decoded, it would tell the encoder where to put key frames.
            scaled.pict_type = PictureType.NONE
            _write(output, stream.encode(scaled), rate)
        _write(output, stream.encode(None), rate)
    return damaged


def _write(output, packets, rate):
    for packet in packets:
        packet.time_base = 1 / rate
        packet.duration = 1
        output.mux(packet)


def _file_frames(path):
    """Yield what is known of a video file, then each frame and whether it is damaged or missing."""
    index = PacketIndex.build(path)
    yield index.n_frames, index.width, index.height, index.orientation, index.rate or FOLDER_RATE
    decoder = FrameDecoder(path, index)
    done = 0
    try:
        while done < index.n_frames:
            try:
                for _, frame, is_damaged in decoder.frames(np.arange(done, index.n_frames)):
                    done += 1
                    yield frame, is_damaged
            except UnforeseenError:
                decoder.stop_seeking()
    finally:
        decoder.close()


def _folder_frames(path):
    """The same of a folder of extracted frames."""
    with FrameFolderReader(path) as reader:
        yield len(reader), reader.width, reader.height, UPRIGHT, FOLDER_RATE
        for number in range(len(reader)):
            yield av.VideoFrame.from_ndarray(reader.read([number])[0]), False


class _Scaler:
    """Scales frames, turns them as they are shown, and brings their colours to one kind.

    Args:
        source: The video, for messages.
        width: Of the scaled and turned frame in pixels.
        height: Of the scaled and turned frame in pixels.
        orientation: `Orientation` of the video.
    """

    def __init__(self, source, width, height, orientation):
        self.source = source
        self.width = width
        self.height = height
        self._orientation = orientation
        self._errors = video_errors(source)
        self._layout = self._graph = None

    def scale(self, frame):
        layout = frame.width, frame.height, frame.format.name
        if layout != self._layout:
            # A graph built for one size reads out of bounds when fed with a smaller frame.
            filters = self._filters()
            with self._errors:
                self._graph = filter_graph(frame, filters)
            self._layout = layout
        with self._errors:
            self._graph.push(frame)
            return self._graph.vpull()

    def _filters(self):
        width, height = self._orientation.size(self.width, self.height)
        turns = {0: [], 1: ["cclock"], 2: ["cclock", "cclock"], 3: ["clock"]}
        return [
            # Bicubic: scaled once more for a clip, bilinear would lose 2 dB. The colours become
            # what a file without any note on them is read as.
            ("scale", f"{width}:{height}:flags=bicubic:out_range=tv:out_color_matrix=bt601"),
            ("format", "yuv420p"),
            *((mirror, None) for mirror in self._orientation.mirror_filters()),
            *(("transpose", turn) for turn in turns[self._orientation.turns]),
        ]
