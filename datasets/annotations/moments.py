"""Reader: Moments in Time with its official files (Monfort et al., 2019)."""

import os

from datasets.annotations.errors import AnnotationError
from datasets.annotations.listed_videos import finish_splits
from datasets.annotations.text_files import whole_number
from datasets.annotations.video_finder import VideoFinder
from datasets.index.video_index import Row

CATEGORIES = "moments_categories.txt"
FILES = {"train": "trainingSet.csv", "val": "validationSet.csv", "test": "testingSet.csv"}
FOLDERS = {"train": "training", "val": "validation", "test": "testing"}


def read_moments(videos, lists):
    """Read `moments_categories.txt`, `trainingSet.csv`, `validationSet.csv`.

    The categories are lines `name,number` in the order of the outputs; the sets are lines
    `<class>/<video>.mp4,<class>,...` without a header.

    Args:
        videos: Folder of the videos: the unpacked archive with `training/<class>/x.mp4` and
            `validation/<class>/x.mp4`, or class folders, or all in one.
        lists: The `AnnotationFolder` of the files.
    """
    labels = _read_categories(lists)
    label_of = {name: label for label, name in enumerate(labels)}
    finder = VideoFinder(videos)
    rows = {}
    for split, file in FILES.items():
        if file not in lists and split == "test":
            continue
        rows[split] = []
        for place, cells in lists.table(file):
            folder, name = os.path.split(cells[0])
            label = cells[1] if len(cells) > 1 else ""
            if not name or (not label and split != "test"):
                raise AnnotationError(f"{place}: expected <class>/<video>,<class>")
            if label and label not in label_of:
                raise AnnotationError(f"{place}: the class {label!r} is not in {CATEGORIES}")
            place_in_split = os.path.join(FOLDERS[split], folder)
            path = finder.find(name, place_in_split, folder, FOLDERS[split], "")
            rows[split].append(Row(path, label_of.get(label, -1), os.path.splitext(name)[0]))
    return finish_splits(lists.path, finder, labels, rows)


def _read_categories(lists):
    numbers = {}
    for place, cells in lists.table(CATEGORIES):
        if len(cells) != 2 or not cells[1].isdecimal():
            raise AnnotationError(f"{place}: expected <class>,<number>, found {','.join(cells)!r}")
        number = whole_number(place, cells[1])
        if cells[0] in numbers or number in numbers.values():
            raise AnnotationError(f"{place}: {','.join(cells)!r} is there twice")
        numbers[cells[0]] = number
    if not numbers:
        raise AnnotationError(f"{lists.describe(CATEGORIES)}: is empty")
    return sorted(numbers, key=numbers.get)
