"""Random clips of every video and epoch, the same ones whatever the number of workers."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from paddle.io import Dataset

from datasets.clips.colour import ColourJitter
from datasets.clips.crops import random_resized_crop
from datasets.clips.erasing import RandomErasing
from datasets.clips.frame_choice import random_clip
from datasets.clips.sample import Failure, Sample, carries_errors, open_row
from datasets.decoding.errors import VideoError


class Request(NamedTuple):
    """What a sampler asks for: the row at a position of an epoch's order."""

    epoch: int
    position: int
    row: int


@dataclass(frozen=True)
class Augmentation:
    """How training clips are drawn.

    Args:
        scale: Smallest and largest share of the frame's area that a crop shows.
        ratio: Smallest and largest aspect ratio of a crop.
        flip: Probability of a horizontal flip.
        strides: Smallest and largest step between frames, each as likely as any between them;
            None for the stride of the clips.
        colour: How far colours are moved.
        erasing: How a part is erased.
    """

    scale: tuple[float, float] = (0.25, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    strides: tuple[int, int] | None = None
    colour: ColourJitter = ColourJitter()
    erasing: RandomErasing = RandomErasing()


class TrainingClips(Dataset):
    """Random clips of the videos of an index.

    Clips are a pure function of `(seed, epoch, position)` and the row, so neither the number of
    workers nor a resume changes them. A video that cannot be read is replaced by the next one of
    the index that can, and reported in the sample; nothing is ever raised, since an exception
    inside a `paddle.io.DataLoader` loses its message or hangs the process.

    Args:
        index: `datasets.index.video_index.VideoIndex`.
        shape: `ClipShape`.
        augmentation: `Augmentation`.
        seed: Seed of all random choices.
        max_attempts: How many videos in a row are tried before the sample stays empty.
        packet_indexes: `datasets.decoding.packet_index_store.PacketIndexStore`, or None.
        clips: How many clips a video gives, each with its own start, crop and flip; they are
            decoded in one pass, which costs less than as many visits. (Hoffer et al., "Augment
            your batch: improving generalization through instance repetition", CVPR 2020.)
    """

    def __init__(
        self,
        index,
        shape,
        augmentation,
        seed,
        max_attempts,
        packet_indexes=None,
        clips=1,
    ):
        super().__init__()
        self.index = index
        self.shape = shape
        self.augmentation = augmentation
        self.seed = seed
        self.max_attempts = max_attempts
        self.packet_indexes = packet_indexes
        self.most_clips = clips

    def __len__(self):
        return len(self.index)

    @carries_errors
    def __getitem__(self, request):
        """
        Args:
            request: `Request`.

        Returns:
            `Sample` of `clips` clips, or of none where every attempt failed.
        """
        failures = []
        for attempt in range(min(self.max_attempts, len(self.index))):
            row = (request.row + attempt) % len(self.index)
            generator = np.random.default_rng([self.seed, request.epoch, request.position])
            try:
                clips = self._read(row, generator)
            except VideoError as error:
                failures.append(Failure(row, error.path, error.reason))
            else:
                return Sample(clips, self.index.target(row), row, failures)
        return Sample(None, -1, -1, failures)

    def _read(self, row, generator):
        with open_row(self.index, row, self.packet_indexes) as (reader, first, n_frames):
            draw, shape = self.augmentation, self.shape
            frames, crops, flips = [], [], []
            for _ in range(self.most_clips):
                stride = shape.stride
                if draw.strides is not None:
                    stride = int(generator.integers(*draw.strides, endpoint=True))
                frames.append(first + random_clip(n_frames, shape.frames, stride, generator))
                crops.append(
                    random_resized_crop(
                        reader.width, reader.height, generator, draw.scale, draw.ratio
                    )
                )
                flips.append(bool(generator.random() < draw.flip))
            clips = reader.read_clips(np.stack(frames), crop=crops, size=shape.size, flip=flips)
        for change in (draw.colour, draw.erasing):
            if change:
                for clip in clips:
                    change(clip, generator)
        return clips
