"""Decodes chosen frames of a video in one pass, and as little else as possible."""

import itertools

import av
import numpy as np

from datasets.decoding.container import decode_in_order, open_video, packets_of
from datasets.decoding.errors import VideoError, video_errors
from datasets.decoding.packet_index import NO_TIME, Numbering

# Jump to a later key frame when at least this many packets lie in between.
SHORTEST_JUMP = 8
# In avi, the key frame to start from must be this many frames before the first one wanted: some
# frames that follow it cannot be decoded, and those that can have to settle at their delay.
SEEK_MARGIN = 8
# In avi, leave out nothing this close before a frame that is wanted: where pictures are packed in
# one packet, leaving out one loses the next as well.
SKIP_MARGIN = 1


class NumberingError(Exception):
    """A frame came out that the index did not foresee; only counting from the start is safe."""


class FrameDecoder:
    """Gives frames by number, seeking and leaving out what is not needed.

    Args:
        path: The video file.
        index: Its ``PacketIndex``.
    """

    def __init__(self, path, index):
        self._path = path
        self._index = index
        self._numbering = index.numbering
        self._container = self._stream = None

    def close(self):
        if self._container is not None:
            self._container.close()
            self._container = self._stream = None

    def count_from_start(self):
        """From now on, trust nothing but a sequential decode from the start of the file."""
        self._numbering = Numbering.COUNT

    def frames(self, wanted):
        """Decode frames.

        Args:
            wanted: int64 ``[T]`` frame numbers, distinct and ascending.

        Yields:
            ``(position, frame, refused)`` for each number in order: the ``av.VideoFrame``, and
            how many packets the decoder refused since the one before. Of a video that ends
            early the last frame is repeated, with ``refused`` 1.

        Raises:
            NumberingError: What came out contradicts the index; call ``count_from_start`` and
                ask again.
            VideoError: The file cannot be read, or nothing in it can be decoded.
        """
        with video_errors(self._path):
            if self._numbering == Numbering.COUNT:
                yield from self._by_count(wanted)
                return
            decode = self._by_pts if self._numbering == Numbering.PTS else self._by_dts
            for key, positions in self._runs(wanted):
                for position, frame in decode(positions, *self._packets_from(key)):
                    yield position, frame, 0

    def _runs(self, wanted):
        """Split into runs, each decoded from one key packet on: ``(key packet, positions)``."""
        keys = self._index.key_packets(wanted, SEEK_MARGIN)
        packets = wanted
        if self._numbering == Numbering.PTS:
            packets = np.maximum.accumulate(self._index.packet_of_frame[wanted])
        jumps = np.flatnonzero(keys[1:] >= packets[:-1] + SHORTEST_JUMP) + 1
        starts = [0, *jumps.tolist()]
        return [
            (int(keys[start]), positions)
            for start, positions in zip(starts, np.split(wanted, jumps), strict=True)
        ]

    def _packets_from(self, key):
        """Packets from a key packet on, or from an earlier one: ``(number of first, packets)``."""
        if key > 0:
            number, packets = self._seek(key)
            if packets is not None:
                return number, packets
        self._reopen(self._index.quick_open)
        return 0, packets_of(self._container, self._stream)

    def _reopen(self, quick):
        # Not every container can go back to its first packet by seeking.
        self.close()
        self._container, self._stream = open_video(self._path, quick)

    def _seek(self, key):
        index = self._index
        if self._container is None:
            self._reopen(index.quick_open)
        # Given the dts of a key frame, mp4 lands on the one before.
        name = "pts" if self._numbering == Numbering.PTS else "dts"
        times = getattr(index, name)[: key + 1]
        try:
            self._container.seek(int(times[key]), stream=self._stream)
            packets = packets_of(self._container, self._stream)
            first = next(packets, None)
        except av.FFmpegError:
            return 0, None
        landed = np.flatnonzero(index.key[: key + 1] & (times == getattr(first, name, None)))
        if len(landed) == 0:
            return 0, None
        return int(landed[-1]), itertools.chain([first], packets)

    def _by_pts(self, positions, _, packets):
        """Decode by presentation times, leaving out frames that no other needs."""
        index = self._index
        times = index.pts[index.packet_of_frame[positions]].tolist()
        numbers = dict(zip(times, positions.tolist(), strict=True))
        expected = iter(times)
        latest = NO_TIME
        for frame in self._decode_times(packets, numbers):
            # Frames must come in the order of their times, or the times do not number them.
            if frame.pts is None or frame.pts <= latest:
                raise NumberingError
            latest = frame.pts
            if latest in numbers:
                if latest != next(expected):
                    raise NumberingError
                yield numbers[latest], frame
        if next(expected, None) is not None:
            raise NumberingError

    def _decode_times(self, packets, wanted):
        context = self._stream.codec_context
        context.skip_frame = "DEFAULT"
        skippable, skipping = self._index.skippable, False
        to_send = len(wanted)
        for packet in packets:
            is_wanted = packet.pts in wanted
            if skippable and skipping == is_wanted:
                skipping = not is_wanted
                context.skip_frame = "NONREF" if skipping else "DEFAULT"
            try:
                yield from context.decode(packet)
            except av.error.InvalidDataError:
                # Should one of the wanted be missing, it will be noticed.
                continue
            to_send -= is_wanted
            if to_send == 0:
                break
        # What is still inside comes out without feeding more.
        yield from context.decode(None)

    def _by_dts(self, positions, packet_number, packets):
        """Decode a container without presentation times: frames come at a fixed delay."""
        index = self._index
        skippable, delay, times = index.skippable, index.delay, index.dts.tolist()
        context = self._stream.codec_context
        context.skip_frame = "DEFAULT"
        skipping = False
        expected = iter(positions.tolist())
        wanted = next(expected)
        latest = -1
        for packet in itertools.chain(packets, [None]):
            if packet is not None:
                if packet_number == len(times) or packet.dts != times[packet_number]:
                    raise NumberingError
                packet_number += 1
            if skippable and skipping != (wanted > packet_number + SKIP_MARGIN):
                skipping = not skipping
                context.skip_frame = "NONREF" if skipping else "DEFAULT"
            try:
                frames = context.decode(packet)
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                # At the end the decoder gives what it still has, one frame after the other.
                number = latest + 1 if packet is None else packet_number - 1 - delay
                if number <= latest or number > wanted:
                    raise NumberingError
                latest = number
                if number == wanted:
                    yield number, frame
                    wanted = next(expected, None)
                    if wanted is None:
                        return
        raise NumberingError

    def _by_count(self, wanted):
        """Decode from the start and count."""
        self._reopen(quick=False)
        at = refused = 0
        number = -1
        frame = None
        for frames in decode_in_order(self._container, self._stream):
            if frames is None:
                refused += number + 1 >= wanted[at]
                continue
            for frame in frames:
                number += 1
                if number == wanted[at]:
                    yield number, frame, refused
                    refused = 0
                    at += 1
                    if at == len(wanted):
                        return
        if frame is None:
            raise VideoError(self._path, "no frame can be decoded")
        for position in wanted[at:].tolist():
            yield position, frame, 1
