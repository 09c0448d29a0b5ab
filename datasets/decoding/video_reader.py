"""Frames and clips of a video file, exactly those that a full sequential decode gives.

with VideoReader("video.mp4") as video:
    clip = video.read_clip(start=40)              # uint8 [3, 16, 112, 112]
    frames = video.read([0, len(video) - 1])      # uint8 [2, H, W, 3]
"""

import numpy as np
from av.video.reformatter import VideoReformatter

from datasets.decoding.clip_filter import collect_clip
from datasets.decoding.errors import VideoError, video_errors
from datasets.decoding.frame_decoder import FrameDecoder, UnforeseenError
from datasets.decoding.packet_index import PacketIndex
from datasets.decoding.reader import Reader


class VideoReader(Reader):
    """Random access to the frames of one video file.

    A frame has the same number and the same pixels whatever was read before. One that the decoder
    refuses to give is replaced by the frame before.

    A reader belongs to the process that opened it: open it after a fork, not before.

    Args:
        path: The video file.
        index: Its `PacketIndex`, when known from earlier; built when None.
        max_damage: Fraction of the frames asked for that may be damaged: flagged by the decoder,
            or missing and replaced by the frame before.

    Attributes:
        index: The `PacketIndex`.

    Raises:
        VideoError: The file cannot be read or is not a video. Every method raises it for damage
            that shows only later.
    """

    def __init__(self, path, index=None, max_damage=0.25):
        self.path = str(path)
        self.index = PacketIndex.build(self.path) if index is None else index
        self._damaged = set()
        self._max_damage = max_damage
        self._decoder = FrameDecoder(self.path, self.index)

    def close(self):
        self._decoder.close()

    def __len__(self):
        return self.index.n_frames

    @property
    def fps(self):
        return float(self.index.rate)

    @property
    def times(self):
        return self.index.times

    @property
    def width(self):
        return self.index.width

    @property
    def height(self):
        return self.index.height

    @property
    def damaged_frames(self):
        """Number of damaged frames met so far in what was asked for."""
        return len(self._damaged)

    def iterate(self):
        orientation, errors = self.index.orientation, video_errors(self.path)
        size = orientation.size(self.width, self.height)
        reformatter, done = VideoReformatter(), 0
        while done < len(self):
            try:
                for position, frame in self._decode(np.arange(done, len(self))):
                    with errors:
                        rgb = reformatter.reformat(frame, *size, format="rgb24", threads=1)
                        picture = rgb.to_ndarray()
                    done = position + 1
                    yield orientation.shown(picture)
            except UnforeseenError:
                self._decoder.stop_seeking()

    def _read(self, indices):
        try:
            return self._read_frames(indices)
        except UnforeseenError:
            self._decoder.stop_seeking()
            return self._read_frames(indices)

    def _read_frames(self, indices):
        reformatter, errors = VideoReformatter(), video_errors(self.path)
        out = None
        for position, frame in self._decode(np.unique(indices)):
            with errors:
                rgb = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
            rgb = self.index.orientation.shown(rgb)
            if out is None:
                out = np.empty((len(indices), *rgb.shape), np.uint8)
            if rgb.shape != out.shape[1:]:
                raise VideoError(
                    self.path,
                    f"frame {position} is {rgb.shape[1]}x{rgb.shape[0]}, "
                    f"the ones before {out.shape[2]}x{out.shape[1]}",
                )
            out[indices == position] = rgb
        return out

    def _iterate_clips(self, rows, crops, size, flips):
        is_done = np.zeros(len(rows), bool)
        idle_graphs = {}

        def begin(k):
            return _Clip(self.path, rows[k], crops[k], size, flips[k], self.index, idle_graphs)

        while not is_done.all():
            try:
                for k, pixels in self._clips(rows, ~is_done, begin):
                    is_done[k] = True
                    yield k, pixels
            except UnforeseenError:
                self._decoder.stop_seeking()

    def _clips(self, rows, is_wanted, begin):
        waiting = np.flatnonzero(is_wanted)
        starts = np.empty(len(waiting), np.int64)
        frames = np.zeros(len(self), bool)
        for place, k in enumerate(waiting.tolist()):
            row = self._checked(rows[k], 1)
            starts[place] = row.min()
            frames[row] = True
        order = np.argsort(starts, kind="stable")
        waiting, starts = waiting[order], starts[order]
        under_way, begun = {}, 0
        for position, frame in self._decode(np.flatnonzero(frames)):
            while begun < len(waiting) and starts[begun] == position:
                k = int(waiting[begun])
                under_way[k] = begin(k)
                begun += 1
            for k, clip in list(under_way.items()):
                if clip.due == position and clip.push(frame):
                    del under_way[k]
                    yield k, clip.pixels()

    def _decode(self, wanted):
        """Yield `(position, av.VideoFrame)` for frame numbers that are distinct and ascending."""
        n_damaged = 0
        for position, frame, is_damaged in self._decoder.frames(wanted):
            if is_damaged:
                self._damaged.add(position)
                n_damaged += 1
                if n_damaged > self._max_damage * len(wanted):
                    raise VideoError(
                        self.path, f"{n_damaged} or more of {len(wanted)} frames are damaged"
                    )
            yield position, frame


class _Clip:
    """A clip on its way: its distinct frames in ascending order, put in the order asked for."""

    def __init__(self, path, row, crop, size, flip, index, idle_graphs):
        positions, self._order = row, None
        if not (np.diff(row) > 0).all():
            positions, self._order = np.unique(row, return_inverse=True)
        shape, turn, n_frames = (index.width, index.height), index.orientation, len(positions)
        self._frames = collect_clip(path, n_frames, shape, crop, size, flip, turn, idle_graphs)
        self._to_come = iter(positions.tolist())
        self.due = next(self._to_come)

    def push(self, frame):
        """Add the frame that is due; return whether it was the last."""
        self._frames.push(frame)
        self.due = next(self._to_come, None)
        return self.due is None

    def pixels(self):
        pixels = self._frames.finish()
        return pixels if self._order is None else pixels[:, self._order]
