"""What is where in a video file: one pass over its packets, only the first frame decoded.

A frame's number is its place in a full sequential decode. The index says how to recognise that
number on a frame that comes out of the decoder in the middle of the file, where to seek to, and
which packets need not be decoded.
"""

import re
import zlib
from array import array
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from functools import cached_property

import numpy as np

from datasets.decoding.container import decode, decode_in_order, open_video, packets_of
from datasets.decoding.errors import VideoError, video_errors
from datasets.decoding.orientation import Orientation

NO_TIME = np.iinfo(np.int64).min

# Containers whose seeking lands on the packet that was asked for, or can be seen not to.
SEEKABLE = {"mov", "mp4", "matroska", "webm", "avi", "flv"}
# Codecs with frames that no other frame needs, and decoders that can leave them out.
SKIPPABLE = {"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8"}
# Codecs that give one frame per packet, a fixed number of packets late.
FIXED_DELAY = {"mpeg4", "msmpeg4v2", "msmpeg4v3", "mjpeg", "h263", "flv1", "ffv1", "rawvideo"}
# A picture of MPEG-4 that says no more than "as before" has at most this many bytes; the smallest
# coded one has more.
LARGEST_EMPTY_PICTURE = 8
PICTURE_START = b"\x00\x00\x01\xb6"
# The encoder's note that it packs two pictures in one packet.
PACKED = re.compile(rb"\x00\x00\x01\xb2DivX\d+(b|Build)\d+p")


class Numbering(IntEnum):
    """How the number of a decoded frame is known."""

    COUNT = 0  # Only by counting from the start of the file.
    PTS = 1  # The rank of its presentation time.
    DTS = 2  # The place of the packet just decoded, minus the reorder delay: avi has no pts.


# The attributes of an index that are single numbers, in the order in which they are stored.
HEADER = {
    "n_frames": int,
    "stream": int,
    "width": int,
    "height": int,
    "numbering": Numbering,
    "delay": int,
    "seekable": bool,
    "skippable": bool,
    "quick_open": bool,
}
# The first number of a stored index. Older ones began with a number of frames.
FORMAT = -3


@dataclass(frozen=True, eq=False)
class PacketIndex:
    """The frames of a video as its packets announce them.

    Attributes:
        pts: int64 `[P]`, presentation times of the non-empty packets in file order.
        dts: int64 `[P]`, decoding times; `NO_TIME` where the file has none.
        key: bool `[P]`, whether decoding can start there.
        shown: bool `[P]`, whether the packet gives a frame; one outside an edit list does not.
        counted: int64 `[N]`, presentation times of the frames, where those of the packets do not
            tell and the frames have some; else empty.
        n_frames: Number of frames N.
        stream: Number of the video stream in the file.
        width: Of a frame as shown, in pixels.
        height: Of a frame as shown, in pixels.
        orientation: `Orientation`, how a decoded frame is turned for showing.
        rate: Mean frame rate; 0 when the file does not tell.
        time_base: Seconds in one unit of the times; 0 when the file does not tell.
        numbering: How the number of a decoded frame is known.
        delay: Packets that go into the decoder before the first frame comes out.
        seekable: Whether the container can be trusted to seek.
        skippable: Whether the decoder can leave out frames that no other needs.
        quick_open: Whether the container's header alone tells all that decoding needs.
    """

    pts: np.ndarray
    dts: np.ndarray
    key: np.ndarray
    shown: np.ndarray
    counted: np.ndarray
    n_frames: int
    stream: int
    width: int
    height: int
    orientation: Orientation
    rate: Fraction
    time_base: Fraction
    numbering: Numbering
    delay: int
    seekable: bool
    skippable: bool
    quick_open: bool

    @classmethod
    def build(cls, path):
        """Read all packets of a file.

        Raises:
            VideoError: The file cannot be read, or no frame of it can be decoded.
        """
        container, stream = open_video(path)
        with container:
            packets, first, delay = _scan(path, container, stream)
            if first is None:
                raise VideoError(path, "no frame can be decoded")
            # Not later: a closed container has taken its streams with it.
            with video_errors(path):
                number = stream.index
                codec = stream.codec_context.name
                formats = set(container.format.name.split(","))
                has_b_frames = stream.codec_context.has_b_frames
                rate = stream.average_rate or stream.guessed_rate or Fraction(0)
                time_base = stream.time_base or Fraction(0)
                orientation = Orientation.of_frame(first)
        numbering = _numbering(packets, codec, formats, has_b_frames)
        n_frames, counted = sum(packets.shown), np.empty(0, np.int64)
        if numbering == Numbering.COUNT:
            n_frames, counted = _count(path)
        width, height = orientation.size(first.width, first.height)
        return cls(
            **packets.arrays(),
            counted=counted,
            n_frames=n_frames,
            stream=number,
            width=width,
            height=height,
            orientation=orientation,
            rate=rate,
            time_base=time_base,
            numbering=numbering,
            delay=delay,
            seekable=bool(formats & SEEKABLE),
            skippable=codec in SKIPPABLE,
            quick_open="mp4" in formats,
        )

    def to_bytes(self):
        """The index in a few hundred bytes: times mostly grow by the same step."""
        header = [FORMAT, len(self.pts)]
        header += [int(getattr(self, name)) for name in HEADER]
        header += [*self.orientation, *self.rate.as_integer_ratio()]
        header += self.time_base.as_integer_ratio()
        flags = self.key + 2 * self.shown.astype(np.int64)
        steps = np.diff(np.stack([self.pts, self.dts, flags]), axis=1, prepend=0)
        steps_counted = np.diff(self.counted, prepend=0)
        numbers = np.concatenate([header, steps.ravel(), steps_counted]).astype("<i8")
        return zlib.compress(numbers.tobytes())

    @classmethod
    def from_bytes(cls, data):
        """The inverse of `to_bytes`.

        Raises:
            ValueError: The bytes are none of it.
        """
        n_header = 2 + len(HEADER) + 6
        try:
            numbers = np.frombuffer(zlib.decompress(data), "<i8")
        except zlib.error as error:
            raise ValueError(str(error)) from None
        if len(numbers) < n_header or numbers[0] != FORMAT:
            raise ValueError("no packet index of this version")
        n_packets, *values = numbers[1:n_header].tolist()
        steps, steps_counted = np.split(numbers[n_header:], [3 * n_packets])
        pts, dts, flags = np.cumsum(steps.reshape(3, n_packets), axis=1)
        *values, turns, mirrored, rate, rate_unit, base, base_unit = values
        return cls(
            pts=pts,
            dts=dts,
            key=(flags & 1).astype(bool),
            shown=(flags & 2).astype(bool),
            counted=np.cumsum(steps_counted),
            orientation=Orientation(turns, bool(mirrored)),
            rate=Fraction(rate, rate_unit),
            time_base=Fraction(base, base_unit),
            **{
                name: kind(value)
                for (name, kind), value in zip(HEADER.items(), values, strict=True)
            },
        )

    @cached_property
    def times(self):
        """float64 `[N]`, seconds from the first frame to each, or None where they are unknown."""
        if self.numbering == Numbering.PTS:
            at = self.pts[self.packet_of_frame]
        elif self.numbering == Numbering.DTS:
            # A frame is shown when a packet pushes it out of the decoder, and those that remain
            # behind the last packet follow at the usual distance.
            usual = round(1 / (self.rate * self.time_base)) if self.rate and self.time_base else 1
            rest = self.dts[-1] + usual * np.arange(1, self.delay + 1)
            at = np.concatenate([self.dts[self.delay :], rest])
        else:
            at = self.counted
        if len(at) == 0 or not self.time_base:
            return None
        return (at - at[0]) * float(self.time_base)

    @cached_property
    def packet_of_frame(self):
        """int64 `[N]`: which packet holds each frame; for numbering by pts."""
        shown = np.flatnonzero(self.shown)
        return shown[np.argsort(self.pts[shown], kind="stable")]

    def key_packets(self, positions, margin):
        """The packet from which to decode to get each frame.

        Args:
            positions: Ascending frame numbers `[T]`.
            margin: For numbering by dts, the number of frames to decode before the first.

        Returns:
            int64 `[T]`: numbers of key packets; 0 where only the start of the file will do.
        """
        keys = np.flatnonzero(self.key)
        if not self.seekable or self.numbering == Numbering.COUNT or len(keys) < 2:
            return np.zeros(len(positions), np.int64)
        if self.numbering == Numbering.DTS:
            return keys[np.searchsorted(keys, np.maximum(positions - margin, 0), "right") - 1]
        times = self.pts[keys]
        if (np.diff(times) <= 0).any():
            return np.zeros(len(positions), np.int64)
        wanted = self.pts[self.packet_of_frame[positions]]
        return keys[np.maximum(np.searchsorted(times, wanted, "right") - 1, 0)]


class _Packets:
    """Columns of what is known about each packet, while they are read."""

    def __init__(self, codec):
        # Not lists: hours of video have hundreds of thousands of packets.
        self.pts, self.dts = array("q"), array("q")
        self.key, self.shown = bytearray(), bytearray()
        # Whether each packet gives one frame, sooner or later.
        self.regular = True
        self._codec = codec
        self._packed = self._pending = False

    def add(self, packet):
        self.pts.append(NO_TIME if packet.pts is None else packet.pts)
        self.dts.append(NO_TIME if packet.dts is None else packet.dts)
        self.key.append(packet.is_keyframe)
        # VP8 has pictures to be decoded but never shown; bit 4 of the first byte tells.
        hidden = self._codec == "vp8" and not memoryview(packet)[0] & 0x10
        self.shown.append(not packet.is_discard and not hidden)
        if self._codec == "mpeg4":
            self._follow_packing(packet)

    def _follow_packing(self, packet):
        """A packet of two MPEG-4 pictures leaves one pending until an empty picture follows.

        An empty picture with none pending gives no frame.
        """
        data = bytes(packet)
        self._packed = self._packed or bool(PACKED.search(data))
        if len(data) <= LARGEST_EMPTY_PICTURE:
            self.regular = self.regular and self._pending
            self._pending = False
        elif data.count(PICTURE_START) > 1:
            self.regular = self.regular and self._packed and not self._pending
            self._pending = True

    def arrays(self):
        return {
            "pts": np.array(self.pts, np.int64),
            "dts": np.array(self.dts, np.int64),
            "key": np.array(self.key, bool),
            "shown": np.array(self.shown, bool),
        }


def _scan(path, container, stream):
    """Read all packets; decode until the first frame is out.

    Returns:
        The packets, the first frame or None, and how many packets went in before it came out.
    """
    context, errors = stream.codec_context, video_errors(path)
    packets = _Packets(context.name)
    frames, delay = None, 0
    for packet in packets_of(path, container, stream):
        packets.add(packet)
        if not frames:
            frames = decode(context, packet, errors)
            delay += not frames
    if not frames:
        frames = decode(context, None, errors)
    return packets, frames[0] if frames else None, delay


def _numbering(packets, codec, formats, has_b_frames):
    columns = packets.arrays()
    pts, dts = columns["pts"], columns["dts"]
    times = pts[columns["shown"]]
    timed = dts[dts != NO_TIME]
    if not packets.key[0] or not packets.regular or not len(times):
        return Numbering.COUNT
    if codec == "gif":
        # A packet may hold a remark and no picture.
        return Numbering.COUNT
    if "avi" in formats:
        fixed = codec in FIXED_DELAY and len(timed) == len(dts) and (np.diff(dts) > 0).all()
        return Numbering.DTS if fixed and columns["shown"].all() else Numbering.COUNT
    in_decoding_order = has_b_frames and len(pts) > 1 and (pts == dts).all()
    trusted = (
        times.min() != NO_TIME
        and len(np.unique(times)) == len(times)
        # Frames shown before the first key frame need what came before it.
        and times.min() >= pts[0]
        and (np.diff(timed) >= 0).all()
        # Times of packets, not of frames, in a file that reorders its frames.
        and not in_decoding_order
    )
    return Numbering.PTS if trusted else Numbering.COUNT


def _count(path):
    """Number of frames, by decoding them all since the packets do not tell, and their times.

    The times are empty where not all frames have one, or they go back.
    """
    times = array("q")
    container, stream = open_video(path)
    with container:
        for _, frames in decode_in_order(path, container, stream):
            times.extend(NO_TIME if frame.pts is None else frame.pts for frame in frames or ())
    n_frames, times = len(times), np.array(times, np.int64)
    if NO_TIME in times or (np.diff(times) < 0).any():
        times = times[:0]
    return n_frames, times
