"""What clips are cut to: one value that travels from the configuration to whatever cuts them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClipShape:
    """Size of a clip in time and space.

    Args:
        frames: Number of frames.
        stride: Step between them, in frames of the video.
        size: Width and height in pixels.
        resize: Height and width that a frame is brought to before a square of `size` is cut out
            of it; None where squares of the short side become `size`. Training clips are cut at
            random from the frame as it is.
    """

    frames: int
    stride: int
    size: int
    resize: tuple[int, int] | None = None

    @property
    def n_bytes(self):
        """Bytes of one clip, uint8 `[3, frames, size, size]`."""
        return 3 * self.frames * self.size**2
