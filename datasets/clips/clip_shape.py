"""What clips are cut to: one value that travels from the configuration to whatever cuts them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClipShape:
    """Size of a clip in time and space.

    Args:
        frames: Number of frames.
        stride: Step between them, in frames of the video.
        size: Width and height in pixels.
    """

    frames: int
    stride: int
    size: int

    @property
    def n_bytes(self):
        """Bytes of one clip, uint8 `[3, frames, size, size]`."""
        return 3 * self.frames * self.size**2
