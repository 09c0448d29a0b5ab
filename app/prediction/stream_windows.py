"""The windows of a camera or a stream, as long as it lasts."""

import sys
import time
from collections import deque

import av
import numpy as np
from tqdm import tqdm

from datasets.clips.crops import squares_to_look_at
from datasets.clips.frame_choice import clip_at, clip_span
from datasets.decoding.clip_filter import collect_clip
from datasets.decoding.container import decode_in_order
from datasets.decoding.errors import VideoError, video_errors
from datasets.shown import shown

# Seconds that a camera or stream may take to answer and to send the next frame.
PATIENCE = 10.0
# Frames a second of a stream that neither announces its rate nor has times.
FRAME_RATE = 25


class StreamWindows:
    """Windows of a camera or a stream.

    The frames that remain at the end, or where it breaks off, make a last, looped window if no
    other has shown them.

    Args:
        source: `app.prediction.video_sources.VideoSource`: an address that FFmpeg opens, or a
            device such as /dev/video0.
        contract, step: As of `VideoWindows`.
        seconds: How long to listen; None for as long as it lasts.
        reconnect: Seconds to wait before a stream that has ended is opened again; None ends
            with it.
        watch: Called with every frame as it comes and its time, or None.

    Attributes:
        n_frames: Number of frames that have come.
        fps: Frame rate as announced, 0 when unknown.
        duration: When the last frame ends, in seconds since the first.
        latency: How long ago the window under way was complete at the source, in seconds, as far
            as can be known: the times of the frames are held against the clock.
        total: None; nobody knows.

    Raises:
        VideoError: It cannot be opened or has no video.
    """

    total = None

    def __init__(self, source, contract, step=None, seconds=None, reconnect=None, watch=None):
        self._address = source.name
        self._contract = contract
        self._step = step or contract.frames * contract.stride
        self._seconds = seconds
        self._reconnect = reconnect
        self._watch = watch
        self.n_frames = 0
        self.fps = 0.0
        self.duration = 0.0
        self._began = self._arrived = None
        # What is added to the times of frames; None where the next one starts anew.
        self._offset = None
        self._open()

    @property
    def latency(self):
        now = time.monotonic()
        return max(now - self._arrived, now - self._began - self.duration)

    def __iter__(self):
        """Yield the first frame of a window, its time, and uint8 `[3, T, S, S]`, in order."""
        span = clip_span(self._contract.frames, self._contract.stride)
        # The frames that the next window may need, the number of the first of them, and the
        # number of the first frame that no window has shown.
        kept, first, unseen = deque(), 0, 0
        for frame, seconds in self._all_frames():
            if frame is None:
                # The end, or a gap that no window spans.
                if kept and unseen < self.n_frames:
                    yield first, kept[0][1], self._clip(kept)
                kept.clear()
                first = unseen = self.n_frames
                continue
            kept.append((frame, seconds))
            self.n_frames += 1
            if len(kept) == span:
                yield first, kept[0][1], self._clip(kept)
                unseen = self.n_frames
                for _ in range(min(self._step, len(kept))):
                    kept.popleft()
                first += self._step
            elif self.n_frames <= first:
                # Windows farther apart than they are long.
                kept.clear()

    def _open(self):
        address, errors = self._address, video_errors(self._address)
        try:
            with errors:
                self._container = av.open(
                    address,
                    format="v4l2" if address.startswith("/dev/") else None,
                    timeout=PATIENCE,
                    metadata_errors="replace",
                )
        except VideoError as error:
            raise VideoError(address, _reason(error)) from error
        try:
            with errors:
                self._stream = self._container.streams.best("video")
                if self._stream is None:
                    raise VideoError(address, "no video in this stream")
                self._stream.thread_type = "NONE"
                self.fps = float(self._stream.average_rate or 0)
        except VideoError:
            self._container.close()
            raise

    def _all_frames(self):
        """The frames and their times, with (None, None) where they break off or end."""
        end = None if self._seconds is None else time.monotonic() + self._seconds
        while True:
            reason = yield from self._frames_until_it_ends(end)
            # What came until now counts.
            yield None, None
            if self._reconnect is None:
                if reason is not None:
                    raise VideoError(self._address, reason)
                return
            if not self._opened_again(reason or "it ended", end):
                return

    def _frames_until_it_ends(self, end):
        """Yield the frames of one connection and their times; return why it broke off, or None."""
        try:
            with self._container:
                decoded = decode_in_order(self._address, self._container, self._stream)
                for _, frames in decoded:
                    # Streams are often joined in the middle; the next key frame mends it.
                    for frame in frames or ():
                        yield frame, self._time(frame)
                        if end is not None and time.monotonic() >= end:
                            return None
        except VideoError as error:
            return _reason(error)
        return None

    def _opened_again(self, reason, end):
        said = None
        while end is None or time.monotonic() + self._reconnect < end:
            if reason != said:
                # Not at every try: a camera may be away for days.
                again = f"again every {self._reconnect:g} s"
                tqdm.write(f"{shown(self._address)}: {shown(reason)}; {again}", sys.stderr)
                said = reason
            time.sleep(self._reconnect)
            try:
                self._open()
            except VideoError as error:
                reason = error.reason
            else:
                self._offset = None
                return True
        return False

    def _time(self, frame):
        """Seconds since the first frame; times that do not grow are continued at the rate."""
        self._arrived = time.monotonic()
        self._began = self._arrived if self._began is None else self._began
        step = 1 / (self.fps or FRAME_RATE)
        # Not by the frame: those that a decoder gives at the end know no unit of time.
        own = None if frame.pts is None else float(frame.pts * self._stream.time_base)
        if own is None:
            seconds = self.duration
        else:
            if self._offset is None:
                # After a pause, it is as late as the clock says.
                self._offset = max(self.duration, self._arrived - self._began) - own
            elif own + self._offset <= self.duration - step:
                self._offset = self.duration - own
            seconds = own + self._offset
        self.duration = seconds + step
        if self._watch:
            self._watch(frame, seconds)
        return seconds

    def _clip(self, kept):
        contract, frames = self._contract, [frame for frame, _ in kept]
        wanted = clip_at(0, len(frames), contract.frames, contract.stride)
        distinct, order = np.unique(wanted, return_inverse=True)
        shape = frames[0].width, frames[0].height
        [crop] = squares_to_look_at(*shape, contract)
        clip = collect_clip(self._address, len(distinct), shape, crop, contract.size)
        for position in distinct:
            clip.push(frames[position])
        return clip.finish()[:, order]


def _reason(error):
    """What a `VideoError` says; FFmpeg calls it an exit when its time is up."""
    if isinstance(error.__cause__, av.error.ExitError):
        return f"nothing came for {PATIENCE:g} s"
    return error.reason
