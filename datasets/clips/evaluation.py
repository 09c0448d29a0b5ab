"""All clips of a video that an evaluation looks at, centred and unflipped."""

from paddle.io import Dataset

from datasets.clips.frame_choice import even_clips
from datasets.clips.sample import Failure, Sample, carries_errors, open_row
from datasets.decoding.clip_filter import centred_square
from datasets.decoding.errors import VideoError


class EvaluationClips(Dataset):
    """Evenly spread clips of every video of an index; an item is a video, decoded once.

    Nothing is replaced: a video that cannot be read gives a sample without clips and with the
    reason, for the report to count.

    Args:
        index: ``datasets.index.video_index.VideoIndex``.
        frames: Frames per clip.
        stride: Step between the frames of a clip.
        size: Width and height of a clip in pixels.
        clips: Up to how many clips a video gives.
        packet_indexes: ``datasets.decoding.packet_index_store.PacketIndexStore``, or None.
    """

    def __init__(self, index, frames, stride, size, clips, packet_indexes=None):
        super().__init__()
        self.index = index
        self.frames = frames
        self.stride = stride
        self.size = size
        self.clips = clips
        self.packet_indexes = packet_indexes

    def __len__(self):
        return len(self.index)

    @carries_errors
    def __getitem__(self, row):
        """
        Args:
            row: Row of the index.

        Returns:
            ``Sample`` of up to ``clips`` clips.
        """
        label = int(self.index.label[row])
        try:
            with open_row(self.index, row, self.packet_indexes) as (reader, first, n_frames):
                frames = first + even_clips(n_frames, self.frames, self.stride, self.clips)
                crop = centred_square(reader.width, reader.height)
                return Sample(reader.read_clips(frames, crop=crop, size=self.size), label, row, [])
        except VideoError as error:
            return Sample(None, label, row, [Failure(row, error.path, error.reason)])
