"""Reader: Something-Something v2 with its official JSON lists (Goyal et al., 2017)."""

from datasets.annotations.errors import AnnotationError
from datasets.annotations.listed_videos import finish_splits
from datasets.annotations.video_finder import VideoFinder
from datasets.index.video_index import Row

LABELS = "labels.json"
FILES = {"train": "train.json", "val": "validation.json", "test": "test.json"}
# The files of the first release carry the name of the data set, later ones do not.
PREFIXES = ("something-something-v2-", "")
VIDEO_FOLDERS = ("", "20bn-something-something-v2", "videos")


def is_something_something(lists):
    """Whether an annotation folder holds the lists of Something-Something v2."""
    return all(_name(lists, file) in lists for file in (LABELS, FILES["train"]))


def read_something_something(videos, lists):
    """Read `[something-something-v2-]labels.json` with `train.json`, `validation.json`.

    The label of a video is its `template` without the brackets around "something"; the label
    file gives the number of each. Videos of the test list have none.

    Args:
        videos: Folder of the videos `<id>.webm`, or the folder above it.
        lists: The `AnnotationFolder` of the files.
    """
    labels = _read_labels(lists)
    label_of = {name: label for label, name in enumerate(labels)}
    finder = VideoFinder(videos)
    rows = {}
    for split, file in FILES.items():
        file = _name(lists, file)
        if file not in lists and split != "train":
            continue
        rows[split] = []
        content = lists.json(file)
        where = lists.describe(file)
        if not isinstance(content, list):
            raise AnnotationError(f"{where}: expected a JSON list of videos")
        for number, entry in enumerate(content, start=1):
            place = f"{where}, entry {number}"
            if not isinstance(entry, dict) or not isinstance(entry.get("id"), str | int):
                raise AnnotationError(f'{place}: expected an object with "id"')
            video_id = str(entry["id"])
            path = finder.find(video_id, *VIDEO_FOLDERS)
            rows[split].append(Row(path, _label(place, entry, split, label_of), video_id))
    return finish_splits(lists.path, finder, labels, rows)


def _name(lists, file):
    return next((prefix + file for prefix in PREFIXES if prefix + file in lists), file)


def _read_labels(lists):
    name = _name(lists, LABELS)
    where = lists.describe(name)
    content = lists.json(name)
    try:
        numbers = {label: int(number) for label, number in content.items()}
    except (AttributeError, TypeError, ValueError):
        raise AnnotationError(f"{where}: expected a JSON object of labels and numbers") from None
    if len(set(numbers.values())) < len(numbers) or not numbers:
        raise AnnotationError(f"{where}: expected labels with different numbers")
    return sorted(numbers, key=numbers.get)


def _label(place, entry, split, label_of):
    template = entry.get("template")
    if template is None and split == "test":
        return -1
    if not isinstance(template, str):
        raise AnnotationError(f'{place}: expected "template", the label with its brackets')
    name = template.replace("[", "").replace("]", "")
    if name not in label_of:
        raise AnnotationError(f"{place}: the label {name!r} is not in the label file")
    return label_of[name]
