"""All clips of a video that a validation looks at, unflipped."""

from paddle.io import Dataset

from datasets.clips.sample import Failure, Sample, carries_errors, open_row
from datasets.decoding.errors import VideoError


class EvaluationClips(Dataset):
    """All views of every video of an index; an item is a video, decoded once.

    Nothing is replaced: a video that cannot be read gives a sample without clips and with the
    reason, for the report to count.

    Args:
        index: `datasets.index.video_index.VideoIndex`.
        shape: `datasets.clips.clip_shape.ClipShape`.
        views: `datasets.clips.views.Views`.
        packet_indexes: `datasets.decoding.packet_index_store.PacketIndexStore`, or None.
    """

    def __init__(self, index, shape, views, packet_indexes=None):
        super().__init__()
        self.index = index
        self.shape = shape
        self.views = views
        self.packet_indexes = packet_indexes

    @property
    def most_clips(self):
        """How many clips a video gives at most; None where that grows with its length."""
        return self.views.most_clips

    def __len__(self):
        return len(self.index)

    @carries_errors
    def __getitem__(self, row):
        """Read one video.

        Args:
            row: Row of the index.

        Returns:
            `Sample`.
        """
        label = self.index.target(row)
        try:
            with open_row(self.index, row, self.packet_indexes) as (reader, first, n_frames):
                size = reader.width, reader.height
                windows, crops = self.views.clips(n_frames, *size, self.shape, first)
                clips = reader.read_clips(windows, crops, self.shape.size)
                return Sample(clips, label, row, [])
        except VideoError as error:
            return Sample(None, label, row, [Failure(row, error.path, error.reason)])
