"""How the picture in a file is turned for showing: eight ways, as FFmpeg's own player does."""

import struct
from typing import NamedTuple

import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter

# A display matrix holds nine numbers, the four that turn as 16.16 fixed point.
MATRIX = struct.Struct("=9i")


class Orientation(NamedTuple):
    """A picture as decoded is mirrored left and right, or not, and then turned.

    Attributes:
        turns: Quarter turns counter-clockwise, 0-3.
        mirrored: Whether it is mirrored before.
    """

    turns: int = 0
    mirrored: bool = False

    @classmethod
    def of_frame(cls, frame):
        """The orientation that a decoded `av.VideoFrame` asks for in its display matrix.

        Angles between quarter turns are rounded to the nearest one.

        Source: `av_display_rotation_get` of FFmpeg's libavutil/display.h describes the matrix.
        """
        # Asked for its side data, a frame refers to itself, and stays in memory until Python looks
        # for such circles: better a tiny one.
        tiny = VideoReformatter().reformat(frame, 2, 2, format="gray", threads=1)
        matrix = tiny.side_data.get(Type.DISPLAYMATRIX)
        if matrix is None:
            return cls()
        a, b, _, c, d, *_ = MATRIX.unpack(bytes(matrix)[: MATRIX.size])
        # A point (x, y) of the file, y downwards, is shown at (a x + c y, b x + d y).
        mirrored = a * d - b * c < 0
        if mirrored:
            a, b = -a, -b
        # Where the axis to the right goes: counter-clockwise is upwards.
        return cls(round(np.arctan2(-b, a) / (np.pi / 2)) % 4, mirrored)

    def shown(self, picture):
        """Turn an array `[..., H, W, C]` as decoded to the picture as shown."""
        if self.mirrored:
            picture = picture[..., ::-1, :]
        return np.rot90(picture, self.turns, axes=(-3, -2))

    def size(self, width, height):
        """Width and height of one of the two, decoded or shown, from those of the other."""
        return (height, width) if self.turns % 2 else (width, height)

    def crop_as_decoded(self, crop, width, height):
        """Where a crop of the picture as shown lies in the picture as decoded.

        Args:
            crop: `(x, y, width, height)` in pixels of the picture as shown.
            width: Of the picture as shown.
            height: Of the picture as shown.
        """
        x, y, w, h = crop
        if self.turns == 1:
            x, y, w, h = height - y - h, x, h, w
        elif self.turns == 2:
            x, y = width - x - w, height - y - h
        elif self.turns == 3:
            x, y, w, h = y, width - x - w, h, w
        if self.mirrored:
            x = self.size(width, height)[0] - x - w
        return x, y, w, h

    def mirror_filters(self, flip=False):
        """FFmpeg's filters that mirror a picture as decoded.

        Args:
            flip: Whether the picture as shown is to be mirrored left and right as well.
        """
        # A quarter turn, which comes later, exchanges the two mirrors.
        names = ["hflip"] * self.mirrored + ["vflip" if self.turns % 2 else "hflip"] * flip
        return () if names == ["hflip", "hflip"] else tuple(names)


UPRIGHT = Orientation()
