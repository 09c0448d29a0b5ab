"""The windows of a video, camera or stream, one after the other, in constant memory."""

import time
from collections import deque

import av
import numpy as np

from datasets.clips.frame_choice import clip_at, clip_span, sliding_windows
from datasets.decoding.clip_filter import ClipFilter, centred_square
from datasets.decoding.errors import VideoError, video_errors
from datasets.decoding.open_reader import open_reader

# Seconds that a camera or stream may take to answer and to send the next frame.
PATIENCE = 10.0


def open_windows(source, contract, step=None, seconds=None):
    """Open a source to be seen in windows.

    Args:
        source: ``app.prediction.video_sources.VideoSource``.
        contract: ``weights.description.InputContract``: length, stride and size of a window.
        step: Frames from one window's start to the next; left out, no overlap.
        seconds: How long to listen to a stream; None for as long as it lasts.

    Returns:
        ``VideoWindows`` or ``StreamWindows``.

    Raises:
        VideoError: It cannot be opened or is no video.
    """
    step = step or contract.frames * contract.stride
    if source.kind == "stream":
        return StreamWindows(source.name, contract, step, seconds)
    return VideoWindows(open_source(source), contract, step)


def open_source(source):
    """A reader of a source with numbered frames: a video, a folder or a sequence of images.

    Raises:
        VideoError: It cannot be opened or is no video.
    """
    return open_reader(source.name)


class VideoWindows:
    """Windows of a video whose frames are counted beforehand; the last one is looped.

    Args:
        reader: ``VideoReader`` or another with its interface; closed at the end.
        contract, step: As in ``open_windows``.

    Attributes:
        n_frames: Number of frames.
        fps: Mean frame rate, 0 when unknown.
        total: Number of windows.
    """

    def __init__(self, reader, contract, step):
        self._reader = reader
        self._size = contract.size
        self._windows = sliding_windows(len(reader), contract.frames, contract.stride, step)
        self.n_frames = len(reader)
        self.fps = reader.fps
        self.total = len(self._windows)

    def __iter__(self):
        """Yield pairs of a window's first frame and uint8 ``[3, T, S, S]``, in order."""
        with self._reader:
            for k, clip in self._reader.iterate_clips(self._windows, size=self._size):
                yield int(self._windows[k][0]), clip


class StreamWindows:
    """Windows of a camera or a stream, as long as it lasts.

    The frames that remain at the end make a last, looped window if no other has shown them.

    Args:
        address: An address that FFmpeg opens, or a device such as /dev/video0.
        contract, step, seconds: As in ``open_windows``.

    Attributes:
        n_frames: Number of frames that have come.
        fps: Frame rate as announced, 0 when unknown.
        total: None; nobody knows.
    """

    total = None

    def __init__(self, address, contract, step, seconds=None):
        self.address = address
        self.n_frames = 0
        self._contract = contract
        self._step = step
        self._seconds = seconds
        with video_errors(address):
            self._container = av.open(
                address,
                format="v4l2" if address.startswith("/dev/") else None,
                timeout=PATIENCE,
                metadata_errors="replace",
            )
        try:
            with video_errors(address):
                if not self._container.streams.video:
                    raise VideoError(address, "no video in this stream")
                self._stream = self._container.streams.video[0]
                self._stream.thread_type = "NONE"
                self.fps = float(self._stream.average_rate or 0)
        except VideoError:
            self._container.close()
            raise

    def __iter__(self):
        """Yield pairs of a window's first frame and uint8 ``[3, T, S, S]``, in order."""
        span = clip_span(self._contract.frames, self._contract.stride)
        # The frames that the next window may need, the number of the first of them, and the
        # number of the first frame that no window has shown.
        kept, first, unseen = deque(), 0, 0
        with self._container:
            for frame in self._frames():
                kept.append(frame)
                self.n_frames += 1
                if len(kept) == span:
                    yield first, self._clip(list(kept))
                    unseen = self.n_frames
                    for _ in range(min(self._step, len(kept))):
                        kept.popleft()
                    first += self._step
                elif self.n_frames <= first:
                    # Windows farther apart than they are long.
                    kept.clear()
            if kept and unseen < self.n_frames:
                yield first, self._clip(list(kept))

    def _frames(self):
        end = None if self._seconds is None else time.monotonic() + self._seconds
        with video_errors(self.address):
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    # Streams are often joined in the middle; the next key frame mends it.
                    continue
                for frame in frames:
                    yield frame
                    if end is not None and time.monotonic() >= end:
                        return

    def _clip(self, frames):
        contract = self._contract
        wanted = clip_at(0, len(frames), contract.frames, contract.stride)
        distinct, order = np.unique(wanted, return_inverse=True)
        shape = frames[0].width, frames[0].height
        clip = ClipFilter(self.address, len(distinct), shape, centred_square(*shape), contract.size)
        for position in distinct:
            clip.push(frames[position])
        return clip.finish()[:, order]
