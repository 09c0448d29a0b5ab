"""Frames and clips of a video file, exactly those that a full sequential decode gives.

with VideoReader("video.mp4") as video:
    clip = video.read_clip(start=40)              # uint8 [3, 16, 112, 112]
    frames = video.read([0, len(video) - 1])      # uint8 [2, H, W, 3]
"""

import numbers

import numpy as np
from av.video.reformatter import VideoReformatter

from datasets.decoding.clip_filter import ClipFilter, centred_square
from datasets.decoding.errors import VideoError, video_errors
from datasets.decoding.frame_decoder import FrameDecoder, NumberingError
from datasets.decoding.packet_index import PacketIndex


class VideoReader:
    """Random access to the frames of one video file.

    A reader belongs to the process that opened it: open it after a fork, not before.

    Args:
        path: The video file.
        index: Its ``PacketIndex``, when known from earlier; built when None.
        max_damage: Fraction of the frames asked for that may be damaged: flagged by the decoder,
            or missing and replaced by the frame before.

    Attributes:
        path: The video file.
        damaged_frames: Damaged frames met so far in what was asked for.

    Raises:
        VideoError: The file cannot be read or is not a video. Every method raises it for damage
            that shows only later.
    """

    def __init__(self, path, index=None, max_damage=0.25):
        self.path = str(path)
        self.index = PacketIndex.build(self.path) if index is None else index
        self.damaged_frames = 0
        self._max_damage = max_damage
        self._decoder = FrameDecoder(self.path, self.index)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Release the file; reading again opens it again."""
        self._decoder.close()

    def __len__(self):
        return self.index.n_frames

    @property
    def fps(self):
        """Mean frame rate; 0 when the file does not tell."""
        return float(self.index.rate)

    @property
    def width(self):
        """Of a frame as displayed, in pixels."""
        return self.index.width

    @property
    def height(self):
        """Of a frame as displayed, in pixels."""
        return self.index.height

    def read(self, indices):
        """Read whole frames.

        Args:
            indices: Frame numbers ``[T]``, 0-based in display order; any order, repeats allowed.

        Returns:
            uint8 ``[T, H, W, 3]`` RGB.

        Raises:
            VideoError: A frame cannot be read, or the frames asked for differ in size.
        """
        indices = self._checked(indices, 1)
        try:
            return self._read(indices)
        except NumberingError:
            self._decoder.count_from_start()
            return self._read(indices)

    def _read(self, indices):
        reformatter = VideoReformatter()
        out = None
        for position, frame in self._decode(indices):
            with video_errors(self.path):
                rgb = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
            rgb = np.rot90(rgb, self.index.rotation)
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

    def read_clip(self, start, frames=16, stride=1, crop=None, size=112, flip=False):
        """Read one clip of evenly spaced frames.

        Args:
            start: Number of the first frame.
            frames: Number of frames.
            stride: Distance from frame to frame.
            crop: ``(x, y, width, height)`` in pixels of the frame as displayed; the centred
                square of the short side when None.
            size: Side of the output in pixels.
            flip: Whether to mirror left and right.

        Returns:
            uint8 ``[3, frames, size, size]`` RGB.

        Raises:
            VideoError: A frame cannot be read.
        """
        indices = start + stride * np.arange(frames)
        return self.read_clips(indices[None], crop, size, flip)[0]

    def read_clips(self, indices, crop=None, size=112, flip=False):
        """Read several clips in one pass over the file.

        Args:
            indices: Frame numbers ``[K, T]``; any order, repeats allowed.
            crop: ``(x, y, width, height)`` in pixels of the frame as displayed, or K of them; the
                centred square of the short side when None.
            size: Side of the output in pixels.
            flip: Whether to mirror left and right; one bool or K.

        Returns:
            uint8 ``[K, 3, T, size, size]`` RGB.

        Raises:
            VideoError: A frame cannot be read.
        """
        indices = self._checked(indices, 2)
        clips = self.iterate_clips(indices, crop, size, flip)
        if len(indices) == 1:
            # As in most training: no need to copy it.
            [(_, clip)] = clips
            return clip[None]
        out = np.empty((len(indices), 3, indices.shape[1], size, size), np.uint8)
        for k, clip in clips:
            out[k] = clip
        return out

    def iterate_clips(self, indices, crop=None, size=112, flip=False):
        """As ``read_clips``, but give each clip as soon as its last frame is decoded.

        Memory holds the clips under way only, however long the video is.

        Yields:
            Pairs of clip number, 0 to K - 1, and uint8 ``[3, T, size, size]``, in the order in
            which the clips end.
        """
        indices = self._checked(indices, 2)
        crops = self._checked_crops(crop, len(indices))
        flips = np.broadcast_to(flip, len(indices))
        clips = {
            k: _Clip(row, crops[k], size, bool(flips[k]), self.index)
            for k, row in enumerate(indices)
        }
        while clips:
            try:
                for k, pixels in self._clips(clips):
                    del clips[k]
                    yield k, pixels
            except NumberingError:
                self._decoder.count_from_start()

    def _clips(self, clips):
        wanted = np.concatenate([clip.positions for clip in clips.values()])
        waiting = sorted(clips, key=lambda k: clips[k].positions[0], reverse=True)
        under_way, idle_graphs = {}, {}
        with video_errors(self.path):
            for position, frame in self._decode(wanted):
                while waiting and clips[waiting[-1]].positions[0] == position:
                    k = waiting.pop()
                    under_way[k] = clips[k]
                    clips[k].begin(idle_graphs)
                for k, clip in list(under_way.items()):
                    if clip.due == position and clip.push(frame):
                        del under_way[k]
                        yield k, clip.pixels()

    def _checked(self, indices, ndim):
        indices = np.asarray(indices)
        if indices.ndim != ndim or indices.size == 0 or indices.dtype.kind not in "iu":
            shape = "[T]" if ndim == 1 else "[K, T]"
            raise ValueError(f"frame numbers must be whole numbers of shape {shape}, not empty")
        if indices.min() < 0:
            raise ValueError(f"frame numbers start at 0, not at {indices.min()}")
        if indices.max() >= len(self):
            raise VideoError(
                self.path, f"frame {indices.max()} asked for, there are {len(self)} frames"
            )
        return indices

    def _checked_crops(self, crop, n_clips):
        if crop is None:
            crop = centred_square(self.width, self.height)
        crops = [crop] * n_clips if isinstance(crop[0], numbers.Real) else list(crop)
        if len(crops) != n_clips:
            raise ValueError(f"{len(crops)} crops for {n_clips} clips")
        checked = []
        for one in crops:
            x, y, w, h = (int(v) for v in one)
            inside = 0 <= x < x + w <= self.width and 0 <= y < y + h <= self.height
            if not inside:
                raise ValueError(f"crop {one} leaves the frame of {self.width}x{self.height}")
            checked.append((x, y, w, h))
        return checked

    def _decode(self, indices):
        """Yield ``(position, av.VideoFrame)`` for each distinct frame number, ascending."""
        wanted = np.unique(indices)
        damaged = 0
        try:
            for position, frame, refused in self._decoder.frames(wanted):
                damaged += refused or frame.is_corrupt
                if damaged > self._max_damage * len(wanted):
                    raise VideoError(
                        self.path, f"{damaged} or more of {len(wanted)} frames are damaged"
                    )
                yield position, frame
        finally:
            self.damaged_frames += damaged


class _Clip:
    """A clip on its way: its distinct frames in ascending order, put in the order asked for."""

    def __init__(self, row, crop, size, flip, index):
        if (np.diff(row) > 0).all():
            self.positions, self._order = row, None
        else:
            self.positions, self._order = np.unique(row, return_inverse=True)
        shape = index.width, index.height
        self._settings = len(self.positions), shape, crop, size, flip, index.rotation

    def begin(self, idle_graphs):
        self._filter = ClipFilter(*self._settings, idle_graphs)
        self._to_come = iter(self.positions.tolist())
        self.due = next(self._to_come)

    def push(self, frame):
        """Add the frame that is due; return whether it was the last."""
        self._filter.push(frame)
        self.due = next(self._to_come, None)
        return self.due is None

    def pixels(self):
        pixels = self._filter.finish()
        return pixels if self._order is None else pixels[:, self._order]
