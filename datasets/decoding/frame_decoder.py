"""Decodes chosen frames of a video in one pass, and as little else as possible."""

import bisect
import itertools

import numpy as np

from datasets.decoding.container import decode, decode_in_order, open_video, packets_of
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


class UnforeseenError(Exception):
    """Something else came out than the index foresees: `stop_seeking` and ask again."""


class FrameDecoder:
    """Gives frames by number, seeking and leaving out what is not needed.

    Args:
        path: The video file.
        index: Its `PacketIndex`.
    """

    def __init__(self, path, index):
        self._path = path
        self._index = index
        self._errors = video_errors(path)
        self._numbering = index.numbering
        self._seeks = self._numbering != Numbering.COUNT
        self._container = self._stream = None

    def close(self):
        if self._container is not None:
            self._container.close()
            self._container = self._stream = None

    def stop_seeking(self):
        """From now on, decode everything in order from the start of the file.

        Where as many frames come out as there should be, but not as foreseen, their times or
        places are wrong, and counting them is right. Otherwise some are missing, and counting
        would shift the ones that follow.
        """
        self._seeks = False
        self._reopen(quick=False)
        decoded = decode_in_order(self._path, self._container, self._stream)
        if sum(len(frames or ()) for _, frames in decoded) == self._index.n_frames:
            self._numbering = Numbering.COUNT

    def frames(self, wanted):
        """Decode frames.

        What is wrong with a file is noticed where it shows, and then all that the wanted frames
        may depend on is decoded. So every frame is the one of a full sequential decode.

        Args:
            wanted: int64 `[T]` frame numbers, distinct and ascending.

        Yields:
            `(position, frame, is_damaged)` for each number in order, with an `av.VideoFrame`. A
            frame that is missing is replaced by the one before it, or by the first there is, and
            counts as damaged.

        Raises:
            UnforeseenError: A packet is refused, a frame is missing or damaged, or the times
                contradict the index; call `stop_seeking` and ask again.
            VideoError: The file cannot be read, or nothing in it can be decoded.
        """
        if not self._seeks:
            yield from self._in_order(wanted)
            return
        decode_run = self._by_pts if self._numbering == Numbering.PTS else self._by_dts
        for key, positions in self._runs(wanted):
            for position, frame in decode_run(positions, *self._packets_from(key)):
                yield position, frame, False

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
        return 0, packets_of(self._path, self._container, self._stream)

    def _reopen(self, quick):
        # Not every container can go back to its first packet by seeking.
        self.close()
        self._container, self._stream = open_video(self._path, quick, self._index.stream)

    def _seek(self, key):
        index = self._index
        if self._container is None:
            self._reopen(index.quick_open)
        # Given the dts of a key frame, mp4 lands on the one before.
        name = "pts" if self._numbering == Numbering.PTS else "dts"
        times = getattr(index, name)[: key + 1]
        time = int(times[key])
        try:
            with self._errors:
                self._container.seek(time, stream=self._stream)
            packets = packets_of(self._path, self._container, self._stream)
            first = next(packets, None)
        except VideoError:
            return 0, None
        landed = np.flatnonzero(index.key[: key + 1] & (times == getattr(first, name, None)))
        if len(landed) == 0:
            return 0, None
        return int(landed[-1]), itertools.chain([first], packets)

    def _by_pts(self, positions, _, packets):
        """Decode by presentation times, leaving out frames that no other needs."""
        index = self._index
        # Views of arrays, here and below: lists of numbers would take a hundred bytes a frame.
        times = memoryview(index.pts[index.packet_of_frame[positions]])
        numbers = memoryview(positions)
        n_done, latest = 0, NO_TIME
        for frame in self._decode_times(packets, times):
            # Frames must come in the order of their times, or the times do not number them.
            if frame.pts is None or frame.pts <= latest:
                raise UnforeseenError
            latest = frame.pts
            # What damage looks like depends on all that was decoded before it.
            if frame.is_corrupt:
                raise UnforeseenError
            if n_done < len(times) and latest >= times[n_done]:
                if latest > times[n_done]:
                    raise UnforeseenError
                yield numbers[n_done], frame
                n_done += 1
        if n_done < len(times):
            raise UnforeseenError

    def _decode_times(self, packets, wanted):
        """Decode what is needed for frames of ascending times."""
        context, errors = self._stream.codec_context, self._errors
        context.skip_frame = "DEFAULT"
        skippable, skipping = self._index.skippable, False
        to_send = len(wanted)
        for packet in packets:
            is_wanted = _holds(wanted, packet.pts)
            if skippable and skipping == is_wanted:
                skipping = not is_wanted
                context.skip_frame = "NONREF" if skipping else "DEFAULT"
            frames = decode(context, packet, errors)
            if frames is None:
                raise UnforeseenError
            yield from frames
            to_send -= is_wanted
            if to_send == 0:
                break
        # What is still inside comes out without feeding more.
        yield from decode(context, None, errors) or ()

    def _by_dts(self, positions, packet_number, packets):
        """Decode a container without presentation times: frames come at a fixed delay."""
        index = self._index
        skippable, delay, times = index.skippable, index.delay, memoryview(index.dts)
        context, errors = self._stream.codec_context, self._errors
        context.skip_frame = "DEFAULT"
        skipping = False
        expected = iter(memoryview(positions))
        wanted = next(expected)
        latest = -1
        for packet in itertools.chain(packets, [None]):
            if packet is not None:
                if packet_number == len(times) or packet.dts != times[packet_number]:
                    raise UnforeseenError
                packet_number += 1
            if skippable and skipping != (wanted > packet_number + SKIP_MARGIN):
                skipping = not skipping
                context.skip_frame = "NONREF" if skipping else "DEFAULT"
            frames = decode(context, packet, errors)
            if frames is None:
                raise UnforeseenError
            for frame in frames:
                # At the end the decoder gives what it still has, one frame after the other.
                number = latest + 1 if packet is None else packet_number - 1 - delay
                if number <= latest or number > wanted or frame.is_corrupt:
                    raise UnforeseenError
                latest = number
                if number == wanted:
                    yield number, frame
                    wanted = next(expected, None)
                    if wanted is None:
                        return
        raise UnforeseenError

    def _in_order(self, wanted):
        """Decode everything from the start."""
        self._reopen(quick=False)
        to_come = iter(memoryview(wanted))
        position = next(to_come)
        before = None
        for number, frame, is_damaged in self._numbered():
            while position <= number:
                missing = position < number
                yield position, (before if missing and before else frame), missing or is_damaged
                position = next(to_come, None)
                if position is None:
                    return
            before = frame
        if before is None:
            raise VideoError(self._path, "no frame can be decoded")
        while position is not None:
            yield position, before, True
            position = next(to_come, None)

    def _numbered(self):
        """Decode the opened file to its end: number of each frame, the frame, is it damaged."""
        index = self._index
        rank = {}
        if self._numbering == Numbering.PTS:
            rank = {time: n for n, time in enumerate(index.pts[index.packet_of_frame].tolist())}
        latest, refused = -1, False
        decoded = decode_in_order(self._path, self._container, self._stream)
        for packet_number, (packet, frames) in enumerate(decoded):
            if frames is None:
                # Where frames are counted, nothing but this tells that one is missing.
                refused = self._numbering == Numbering.COUNT
                continue
            for frame in frames:
                if self._numbering == Numbering.PTS:
                    number = rank.get(frame.pts, -1)
                elif self._numbering == Numbering.DTS and packet is not None:
                    number = packet_number - index.delay
                else:
                    number = latest + 1
                # What contradicts the index in a damaged file is left out.
                if latest < number < index.n_frames:
                    yield number, frame, refused or frame.is_corrupt
                    latest, refused = number, False


def _holds(ascending, number):
    """Whether a number, which may be None, is in an ascending row."""
    if number is None:
        return False
    place = bisect.bisect_left(ascending, number)
    return place < len(ascending) and ascending[place] == number
