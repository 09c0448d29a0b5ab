"""Which clips of a video an evaluation looks at: pure values, parsed from text.

even:3             three clips, evenly spread: the PyTorch original's validation
windows:16         a window every 16 frames, the last one looped: the original's test protocol
even:10,crops:3    ten clips, three crops of each along the longer side: what most papers report
"""

import re
from dataclasses import dataclass

from datasets.clips.crops import squares_to_look_at
from datasets.clips.frame_choice import even_clips, sliding_windows
from datasets.decoding.in_turn import InTurn

FORM = re.compile(r"(even|windows):([1-9]\d{0,5})(?:,crops:([1-9]\d?))?")


@dataclass(frozen=True)
class Views:
    """The clips of a video that are scored, and averaged.

    Args:
        kind: "even" for evenly spread clips, "windows" for windows at a fixed step.
        number: How many clips a video gives at most, or the step between windows in frames.
        crops: Square crops of each clip, evenly spread along the longer side; 1 is the centre.
    """

    kind: str
    number: int
    crops: int = 1

    @classmethod
    def parse(cls, text):
        """The views that a text such as `even:10,crops:3` names.

        Raises:
            ValueError: It names none.
        """
        match = FORM.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text}: expected even:CLIPS or windows:STEP, with or without ,crops:CROPS, "
                "such as even:3, windows:16 or even:10,crops:3"
            )
        kind, number, crops = match.groups()
        return cls(kind, int(number), int(crops or 1))

    def __str__(self):
        crops = f",crops:{self.crops}" if self.crops > 1 else ""
        return f"{self.kind}:{self.number}{crops}"

    @property
    def file_name(self):
        """The views as part of a file name: `even10-crops3`."""
        return str(self).replace(":", "").replace(",", "-")

    @property
    def most_clips(self):
        """How many clips a video gives at most; None where that grows with its length."""
        return self.number * self.crops if self.kind == "even" else None

    def clips(self, n_frames, width, height, shape, first=0):
        """The clips of one video.

        Args:
            n_frames: Number of frames of the video, or of its annotated part.
            width, height: Of its frames, in pixels.
            shape: `datasets.clips.clip_shape.ClipShape`.
            first: First frame of the annotated part.

        Returns:
            K rows of frame numbers, `[K, frames]`, and K crops as `Reader.read_clips` takes them;
            those of a clip follow each other. Both are made when asked for.
        """
        if self.kind == "even":
            windows = even_clips(n_frames, shape.frames, shape.stride, self.number)
        else:
            windows = sliding_windows(n_frames, shape.frames, shape.stride, self.number)
        windows = windows.repeated(self.crops, first)
        return windows, InTurn(squares_to_look_at(width, height, shape, self.crops), len(windows))
