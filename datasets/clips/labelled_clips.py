"""The short way to clips: a `paddle.io.Dataset` of pairs, for a `paddle.Model` of one's own.

dataset = open_dataset("my_videos", part="train", frames=16, size=112)
clip, label = dataset[0]                  # uint8 [3, 16, 112, 112] RGB, and a number
dataset.labels[label]
"""

import warnings

import numpy as np
from paddle.io import Dataset

from datasets.annotations.formats import load_splits
from datasets.clips.clip_shape import ClipShape
from datasets.clips.errors import through_loader
from datasets.clips.evaluation import EvaluationClips
from datasets.clips.training import Augmentation, Request, TrainingClips
from datasets.clips.views import Views
from datasets.decoding.errors import VideoError
from datasets.shown import shown


def open_dataset(videos, annotation=None, part="train", frames=16, stride=1, size=112, **options):
    """Open the clips of a folder of videos.

    Args:
        videos: Folder of the videos.
        annotation: What names their classes, of any kind that `load_splits` knows; None where the
            subfolders of `videos` are the classes.
        part: "train" gives another random clip of a video every time, drawn from NumPy's global
            generator; "val" and the others the clip in the middle.
        frames, stride, size: Length of a clip in frames, the step between them, and its width and
            height in pixels.
        options: Further arguments of `load_splits`.

    Returns:
        `LabelledClips`.

    Raises:
        AnnotationError: There are no such videos.
        VideoError: None of them can be read.
    """
    index = load_splits(videos, annotation, **options)[part]
    shape = ClipShape(frames, stride, size)
    if part == "train":
        clips = TrainingClips(index, shape, Augmentation(), seed=0, max_attempts=1)
    else:
        clips = EvaluationClips(index, shape, Views("even", 1))
    dataset = LabelledClips(clips, index, is_random=part == "train")
    # Inside a loader an error would hang the process: better here.
    dataset[0]
    return dataset


class LabelledClips(Dataset):
    """One clip of every video of an index, with the number of its class, or with all its labels.

    A video that cannot be read is named in a warning, and the next one taken in its place.

    Args:
        clips: `TrainingClips` that try one video, or `EvaluationClips` with one view.
        index: Their `VideoIndex`.
        is_random: Whether they are `TrainingClips`.

    Attributes:
        labels: Names of the classes.
    """

    def __init__(self, clips, index, is_random):
        super().__init__()
        self.labels = list(index.labels)
        self._clips = clips
        self._index = index
        self._is_random = is_random

    def __len__(self):
        return len(self._index)

    def __getitem__(self, number):
        """Read a clip.

        Args:
            number: Row of the video.

        Returns:
            The clip, uint8 `[3, frames, size, size]` RGB, and the number of its class; float32
            `[n_classes]`, 1 where a class applies, of an index of several labels.

        Raises:
            IndexError: There is no such row.
            VideoError: No video can be read.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        for row in [*range(number, len(self)), *range(number)]:
            request = Request(np.random.randint(1 << 31), row, row) if self._is_random else row
            sample = self._clips[request]
            if sample.error is not None:
                raise through_loader(RuntimeError(sample.error))
            if sample.clips is not None:
                return sample.clips[0], sample.label
            for failure in sample.failures:
                path, reason = shown(failure.path), shown(failure.reason)
                warnings.warn(f"{path}: {reason}; the next video is taken", stacklevel=2)
        raise through_loader(VideoError(self._index.root, "none of its videos can be read"))
