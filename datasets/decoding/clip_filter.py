"""Crop, scale, flip and turn the frames of one clip inside FFmpeg's filters.

No full-size RGB frame is ever made: a frame is cropped as the decoder left it, scaled and
converted in one step, and the frames of a clip come out as one tall picture. Only a square of the
whole short side, as evaluation looks at, is scaled first and cropped then: that is how the papers
evaluate, and the two orders differ by up to a pixel of the original.
"""

import av
import numpy as np

from datasets.decoding.errors import video_errors
from datasets.decoding.orientation import UPRIGHT
from datasets.decoding.resized_clip import ResizedClip, ResizedSquare

# Frames per picture that leaves the filters.
TILE = 16


def centred_square(width, height):
    """The square of the short side in the middle of a frame: `(x, y, width, height)`."""
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side, side


def collect_clip(path, n_frames, shape, crop, size, flip=False, orientation=UPRIGHT, idle=None):
    """What collects the frames of one clip: `ClipFilter`, or `ResizedClip` for a crop of its kind.

    Args:
        path, n_frames, shape, size, flip, orientation, idle: As of `ClipFilter`.
        crop: As of `ClipFilter`, or a `ResizedSquare`.
    """
    if isinstance(crop, ResizedSquare):
        return ResizedClip(path, n_frames, crop, size, flip, orientation)
    return ClipFilter(path, n_frames, shape, crop, size, flip, orientation, idle)


class ClipFilter:
    """Collects the frames of one clip, in display order, as small square RGB pictures.

    Args:
        path: The video, for the message of an error.
        n_frames: Number of frames that will be pushed.
        shape: `(width, height)` of the video as shown; `crop` is in its pixels. A frame of another
            size, where a video changes midway, is cropped in proportion.
        crop: `(x, y, width, height)`, rounded to even numbers: chroma has half the resolution.
        size: Side of the output in pixels.
        flip: Whether to mirror left and right.
        orientation: `Orientation` of the video.
        idle: Dictionary of filter graphs, shared by clips one after the other, so that each need
            not build its own; it starts empty.
    """

    def __init__(
        self, path, n_frames, shape, crop, size, flip=False, orientation=UPRIGHT, idle=None
    ):
        self._errors = video_errors(path)
        self._shape_as_decoded = orientation.size(*shape)
        self._crop = orientation.crop_as_decoded(crop, *shape)
        self._mirrors = orientation.mirror_filters(flip)
        self._turns = orientation.turns
        self._size = size
        self._idle = {} if idle is None else idle
        self._out = np.empty((3, n_frames, size, size), np.uint8)
        self._pushed = self._pulled = 0
        self._graph = self._settings = self._layout = None

    def push(self, frame):
        """Add the next frame, an `av.VideoFrame` as decoded.

        Raises:
            VideoError: FFmpeg's filters refuse it.
        """
        layout = frame.width, frame.height, frame.format.name
        if layout != self._layout:
            # A graph built for one size reads out of bounds when fed with a smaller frame.
            self._flush()
            self._layout = layout
        if self._graph is None:
            self._take_graph(frame)
        # Pulling at once, even where nothing can be ready, scales the frame while it is in the
        # processor's cache, and lets go of it.
        with self._errors:
            self._graph.push(frame)
            self._pushed += 1
            try:
                picture = self._graph.vpull()
            except av.error.BlockingIOError:
                return
        self._copy(picture)
        self._idle.setdefault(self._settings, []).append(self._graph)
        self._graph = None

    def finish(self):
        """Return uint8 `[3, n_frames, size, size]` once every frame has been pushed.

        Raises:
            VideoError: FFmpeg's filters fail.
        """
        self._flush()
        if self._pulled != self._out.shape[1]:
            raise RuntimeError(f"{self._pulled} frames of {self._out.shape[1]} were pushed")
        if self._turns:
            return np.ascontiguousarray(np.rot90(self._out, self._turns, axes=(2, 3)))
        return self._out

    def _take_graph(self, frame):
        tile = min(TILE, self._out.shape[1] - self._pulled)
        crop = self._crop_of(frame.width, frame.height)
        self._settings = self._layout, crop, self._size, self._mirrors, tile
        idle = self._idle.get(self._settings)
        if idle:
            self._graph = idle.pop()
        else:
            self._graph = _build(frame, crop, self._size, self._mirrors, tile, self._errors)

    def _crop_of(self, width, height):
        """The crop in pixels of a frame as decoded, at its own size."""
        usual_width, usual_height = self._shape_as_decoded
        x, y, w, h = self._crop
        if (x, y, w, h) == (0, 0, usual_width, usual_height):
            return 0, 0, width, height
        x, w = x * width // usual_width, w * width // usual_width
        y, h = y * height // usual_height, h * height // usual_height
        return x, y, w, h

    def _flush(self):
        if self._graph is not None:
            with self._errors:
                # At the end of its input the tile filter gives what it has.
                self._graph.push(None)
                picture = self._graph.vpull()
            self._copy(picture)
            self._graph = None

    def _copy(self, picture):
        n = self._pushed - self._pulled
        # Planes are green, blue, red.
        for channel, plane in enumerate(picture.planes[i] for i in (2, 0, 1)):
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            rows = rows[: n * self._size, : self._size].reshape(n, self._size, self._size)
            self._out[channel, self._pulled : self._pushed] = rows
        self._pulled = self._pushed


def _build(frame, crop, size, mirrors, tile, errors):
    """A filter graph that turns `tile` frames like this one into one tall RGB picture."""
    filters = []
    x, y, width, height = crop
    scaled, place = (size, size), None
    if width == height == min(frame.width, frame.height) and frame.width != frame.height:
        scaled, place = _scale_first(frame.width, frame.height, x, y, size)
        width, height = frame.width, frame.height
    elif crop != (0, 0, frame.width, frame.height):
        x, width = _even(x, width, frame.width)
        y, height = _even(y, height, frame.height)
        filters.append(("crop", f"{width}:{height}:{x}:{y}"))
    flags = "bilinear"
    if (width, height) == scaled and scaled[0] % 16:
        # With nothing to scale, FFmpeg's fast conversion leaves out the last columns.
        flags += "+accurate_rnd"
    filters.append(("scale", f"{scaled[0]}:{scaled[1]}:flags={flags}"))
    filters.append(("format", "gbrp"))
    if place:
        filters.append(("crop", f"{size}:{size}:{place[0]}:{place[1]}"))
    filters += [(mirror, None) for mirror in mirrors]
    filters.append(("tile", f"1x{tile}"))
    with errors:
        return filter_graph(frame, filters)


def filter_graph(frame, filters):
    """FFmpeg's filters one behind the other, for frames like this one.

    Args:
        frame: `av.VideoFrame`; its size and pixel format are those that the graph takes.
        filters: Pairs of a filter's name and its options.

    Returns:
        A configured `av.filter.Graph`.
    """
    graph = av.filter.Graph()
    graph.threads = 1
    nodes = [
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or 1,
        ),
        *(graph.add(*one) for one in filters),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes)
    graph.configure()
    return graph


def _scale_first(width, height, x, y, size):
    """Sizes of a frame whose short side becomes `size`, and where its square begins then."""
    short = min(width, height)
    scaled = int(size * width / short), int(size * height / short)
    # At the same share of the room that is left; a half is rounded to even, as Pillow's users do.
    place = [
        round(start * (new - size) / (old - short)) if old > short else 0
        for start, new, old in zip((x, y), scaled, (width, height), strict=True)
    ]
    return scaled, place


def _even(start, length, limit):
    """Round down to even numbers, but keep at least two pixels where there are two."""
    if limit < 2:
        return 0, limit
    length = max(2, length - length % 2)
    return min(start - start % 2, limit - length), length
