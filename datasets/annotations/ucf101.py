"""Reader: UCF-101 with its official lists of three splits (Soomro et al., 2012)."""

import os

from datasets.annotations.errors import AnnotationError
from datasets.annotations.listed_videos import finish_splits
from datasets.annotations.text_files import whole_number
from datasets.annotations.video_finder import VideoFinder
from datasets.index.video_index import Row


def read_ucf101(videos, lists, official_split):
    """Read `classInd.txt`, `trainlist0N.txt` and `testlist0N.txt`.

    The test list is the split "val": UCF-101 has no other, and the PyTorch original and the papers
    validate on it.

    Args:
        videos: Folder of the videos, as `<class>/x.avi`, `UCF-101/<class>/x.avi` (as the
            archive unpacks) or all in one.
        lists: The `AnnotationFolder` of the lists.
        official_split: 1, 2 or 3.
    """
    names = {
        "train": f"trainlist{official_split:02d}.txt",
        "val": f"testlist{official_split:02d}.txt",
    }
    for name in names.values():
        if name not in lists:
            raise AnnotationError(
                f"{lists.describe(name)}: there is no such list; split is {official_split}"
            )
    labels, number_of = _read_classes(lists)
    finder = VideoFinder(videos)
    rows = {
        split: list(_read_list(lists, name, labels, number_of, finder))
        for split, name in names.items()
    }
    return finish_splits(lists.path, finder, labels, rows)


def _read_classes(lists):
    """`classInd.txt`: the class names in output order, and the number of each in the lists."""
    names = {}
    for place, line in lists.lines("classInd.txt"):
        number, _, name = line.partition(" ")
        name = name.strip()
        if not number.isdecimal() or not name:
            raise AnnotationError(f"{place}: expected a number and a class, found {line!r}")
        number = whole_number(place, number)
        if number in names or name in names.values():
            raise AnnotationError(f"{place}: {line!r} is there twice")
        names[number] = name
    if not names:
        raise AnnotationError(f"{lists.describe('classInd.txt')}: is empty")
    numbers = sorted(names)
    return [names[number] for number in numbers], {
        number: label for label, number in enumerate(numbers)
    }


def _read_list(lists, name, labels, number_of, finder):
    label_of = {label_name: label for label, label_name in enumerate(labels)}
    for place, line in lists.lines(name):
        # The number is at the end of the training lists only; paths hold no spaces.
        path, *number = line.split()
        folder, file = os.path.split(path)
        label = label_of.get(folder)
        if len(number) > 1 or not file or not folder:
            raise AnnotationError(f"{place}: expected <class>/<video> and a number, found {line!r}")
        if label is None:
            raise AnnotationError(f"{place}: the class {folder!r} is not in classInd.txt")
        if number and (
            not number[0].isdecimal() or number_of.get(whole_number(place, number[0])) != label
        ):
            raise AnnotationError(
                f"{place}: {number[0]} is not the number of {folder} in classInd.txt"
            )
        yield Row(
            finder.find(file, folder, "", os.path.join("UCF-101", folder)),
            label,
            os.path.splitext(file)[0],
        )
