"""Reader: HMDB-51 with its official three splits (Kuehne et al., 2011)."""

import os
import re

from datasets.annotations.errors import AnnotationError
from datasets.annotations.listed_videos import finish_splits
from datasets.annotations.video_finder import VideoFinder
from datasets.index.video_index import Row

LIST_NAME = re.compile(r"(?P<label>.+)_test_split(?P<number>\d+)\.txt$")
# The code behind each video; 0 means that this split does not use it.
SPLIT_OF_CODE = {"0": None, "1": "train", "2": "val"}


def is_hmdb51(lists):
    """Whether an annotation folder holds the lists of HMDB-51."""
    return any(LIST_NAME.match(name) for name in lists.names())


def read_hmdb51(videos, lists, official_split):
    """Read the lists `<class>_test_split1.txt`, lines of a video and a code 1, 2 or 0.

    Labels are the sorted class names; code 2, the test videos, is the split "val".

    Args:
        videos: Folder of the videos, as `<class>/x.avi` or all in one.
        lists: The `AnnotationFolder` of the lists.
        official_split: 1, 2 or 3.

    Returns:
        `Splits`.

    Raises:
        AnnotationError: A list is missing or of another form.
    """
    matches = [match for match in map(LIST_NAME.match, lists.names()) if match]
    labels = sorted({match["label"] for match in matches})
    finder = VideoFinder(videos)
    rows = {"train": [], "val": []}
    for label, name in enumerate(labels):
        file = f"{name}_test_split{official_split}.txt"
        if file not in lists:
            raise AnnotationError(
                f"{lists.describe(file)}: there is no such list; split is {official_split}"
            )
        for place, line in lists.lines(file):
            video, _, code = line.rpartition(" ")
            if code not in SPLIT_OF_CODE or not video:
                raise AnnotationError(f"{place}: expected a video and 0, 1 or 2, found {line!r}")
            split = SPLIT_OF_CODE[code]
            if split is not None:
                video = video.strip()
                row = Row(finder.find(video, name, ""), label, os.path.splitext(video)[0])
                rows[split].append(row)
    return finish_splits(lists.path, finder, labels, rows)
