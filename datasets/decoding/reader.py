"""What a source of numbered frames can do, whether it is a video file or a row of images."""

import numbers
from collections.abc import Sequence

import numpy as np

from datasets.decoding.clip_filter import centred_square
from datasets.decoding.errors import VideoError
from datasets.decoding.in_turn import InTurn
from datasets.decoding.resized_clip import ResizedSquare


class Reader:
    """Random access to frames by number, 0-based in the order in which they are shown.

    Subclasses give `_read` and `_iterate_clips`, which get checked arguments only, `__len__` and
    the attributes.

    Attributes:
        path: The file, folder or pattern.
        width: Of a frame as shown, in pixels.
        height: Of a frame as shown, in pixels.
        fps: Mean frame rate; 0 where the source does not tell.
        times: float64 `[len]`, when each frame is shown, in seconds since the first one; None where
            the source has no times.
    """

    path: str
    width: int
    height: int
    fps = 0.0
    times = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Release what is held open; reading again opens it again."""

    def __len__(self):
        raise NotImplementedError

    def frame_at(self, seconds):
        """The first frame that is shown at or after a time.

        Args:
            seconds: Time since the first frame.

        Returns:
            Frame number; `len()` where all frames come before.

        Raises:
            VideoError: The source has neither times nor a frame rate.
        """
        # The small term undoes the rounding of, say, 0.1 * 30.
        if self.times is not None:
            return int(np.searchsorted(self.times, seconds - 1e-6))
        if not self.fps > 0:
            raise VideoError(self.path, "its frame rate is unknown, so times mean no frames")
        return min(max(0, int(np.ceil(seconds * self.fps - 1e-6))), len(self))

    def read(self, indices):
        """Read whole frames.

        Args:
            indices: Frame numbers `[T]`; any order, repeats allowed.

        Returns:
            uint8 `[T, H, W, 3]` RGB.

        Raises:
            VideoError: A frame cannot be read, or the frames asked for differ in size.
        """
        return self._read(self._checked(indices, 1))

    def read_clip(self, start, frames=16, stride=1, crop=None, size=112, flip=False):
        """Read one clip of evenly spaced frames.

        Args:
            start: Number of the first frame.
            frames: Number of frames.
            stride: Distance from frame to frame.
            crop: `(x, y, width, height)` in pixels of the frame as shown; the centred square of
                the short side when None.
            size: Side of the output in pixels.
            flip: Whether to mirror left and right.

        Returns:
            uint8 `[3, frames, size, size]` RGB.

        Raises:
            VideoError: A frame cannot be read.
        """
        indices = start + stride * np.arange(frames)
        return self.read_clips(indices[None], crop, size, flip)[0]

    def read_clips(self, indices, crop=None, size=112, flip=False):
        """Read several clips in one pass over the source.

        Args:
            indices: Frame numbers `[K, T]`, an array or K rows that are made when asked for; any
                order, repeats allowed.
            crop: `(x, y, width, height)` in pixels of the frame as shown, a `ResizedSquare`, or K
                of them; the centred square of the short side when None.
            size: Side of the output in pixels.
            flip: Whether to mirror left and right; one bool or K.

        Returns:
            uint8 `[K, 3, T, size, size]` RGB.

        Raises:
            VideoError: A frame cannot be read.
        """
        indices = self._rows(indices)
        clips = self.iterate_clips(indices, crop, size, flip)
        if len(indices) == 1:
            # As in most training: no need to copy it.
            [(_, clip)] = clips
            return clip[None]
        out = np.empty((len(indices), 3, len(indices[0]), size, size), np.uint8)
        for k, clip in clips:
            out[k] = clip
        return out

    def iterate_clips(self, indices, crop=None, size=112, flip=False):
        """As `read_clips`, but give each clip as soon as its last frame is read.

        Memory holds the clips under way only, however long the source is and however many clips
        there are.

        Yields:
            Pairs of clip number, 0 to K - 1, and uint8 `[3, T, size, size]`, in the order in which
            the clips end.
        """
        rows = self._rows(indices)
        crops = self._checked_crops(crop, len(rows))
        flips = np.asarray(flip, bool).tolist()
        flips = InTurn([flips], len(rows)) if isinstance(flips, bool) else flips
        yield from self._iterate_clips(rows, crops, size, flips)

    def iterate(self):
        """Give every frame once, in order; memory holds one.

        Yields:
            uint8 `[height, width, 3]` RGB; frames of another size are scaled to that of the first.

        Raises:
            VideoError: A frame cannot be read.
        """
        for number in range(len(self)):
            yield self.read([number])[0]

    def _read(self, indices):
        raise NotImplementedError

    def _iterate_clips(self, rows, crops, size, flips):
        raise NotImplementedError

    def _rows(self, indices):
        """Rows that are made when asked for are left to be checked one by one."""
        is_made_late = isinstance(indices, Sequence) and not isinstance(indices, list | tuple)
        return indices if is_made_late else self._checked(indices, 2)

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
        crops = InTurn([crop], n_clips) if isinstance(crop[0], numbers.Real) else crop
        if len(crops) != n_clips:
            raise ValueError(f"{len(crops)} crops for {n_clips} clips")
        if isinstance(crops, InTurn):
            return InTurn(self._inside(crops.values), n_clips)
        return self._inside(crops)

    def _inside(self, crops):
        checked = []
        for one in crops:
            if isinstance(one, ResizedSquare):
                checked.append(one)
                continue
            x, y, w, h = (int(v) for v in one)
            inside = 0 <= x < x + w <= self.width and 0 <= y < y + h <= self.height
            if not inside:
                raise ValueError(f"crop {one} leaves the frame of {self.width}x{self.height}")
            checked.append((x, y, w, h))
        return checked
