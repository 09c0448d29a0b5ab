"""Reader: the JSON annotation of the PyTorch original, kenshohara/3D-ResNets-PyTorch."""

from datasets.annotations.errors import AnnotationError
from datasets.annotations.listed_videos import finish_splits
from datasets.annotations.spelling import same_characters
from datasets.annotations.text_files import LARGEST_NUMBER
from datasets.annotations.video_finder import VideoFinder
from datasets.index.video_index import Row

SUBSETS = {"training": "train", "validation": "val", "testing": "test"}


def read_original_json(videos, path, content):
    """Read `{"labels": [...], "database": {video_id: {...}}}`.

    A video is looked for as `<label>/<id>` and as `<id>` with any video extension or as a
    folder of extracted frames; `video_path` in the annotation comes before both.

    Args:
        videos: Folder of the videos.
        path: The annotation file, for messages.
        content: What it holds.
    """
    if (
        not isinstance(content, dict)
        or not isinstance(content.get("labels"), list)
        or not isinstance(content.get("database"), dict)
    ):
        raise AnnotationError(f'{path}: expected a JSON object with "labels" and "database"')
    if not all(isinstance(label, str) for label in content["labels"]):
        raise AnnotationError(f'{path}: "labels" must be names')
    labels = [same_characters(label) for label in content["labels"]]
    if len(set(labels)) < len(labels):
        raise AnnotationError(f'{path}: "labels" must be different names')
    label_of = {name: label for label, name in enumerate(labels)}
    finder = VideoFinder(videos)
    rows = {split: [] for split in SUBSETS.values()}
    for video_id, entry in content["database"].items():
        where = f"{path}, video {video_id!r}"
        if not isinstance(entry, dict) or not isinstance(entry.get("annotations", {}), dict):
            raise AnnotationError(f"{where}: expected an object with subset and annotations")
        subset = entry.get("subset")
        if subset not in list(SUBSETS):  # A list, since JSON may hold what cannot be looked up.
            raise AnnotationError(
                f"{where}: the subset is {subset!r}; known are {', '.join(SUBSETS)}"
            )
        split = SUBSETS[subset]
        annotations = entry.get("annotations", {})
        name = annotations.get("label")
        if name is None and split == "test":
            label = -1
        elif isinstance(name, str) and same_characters(name) in label_of:
            label = label_of[same_characters(name)]
        else:
            raise AnnotationError(f'{where}: the label {name!r} is not among the "labels"')
        first, last = _read_segment(where, annotations.get("segment"))
        # The original keeps videos without a label in a folder named test.
        video = _find_video(finder, where, entry.get("video_path"), name or "test", video_id)
        rows[split].append(Row(video, label, video_id, first, last))
    return finish_splits(path, finder, labels, rows)


def _read_segment(where, segment):
    """From the original's 1-based half-open segment to a 0-based one."""
    if segment is None:
        return 0, -1
    if (
        not isinstance(segment, list)
        or len(segment) != 2
        or not all(type(frame) is int for frame in segment)
        or not 1 <= segment[0] < segment[1] <= LARGEST_NUMBER
    ):
        raise AnnotationError(
            f"{where}: the segment is {str(segment)[:100]}; expected [first, end] with "
            f"1 <= first < end <= {LARGEST_NUMBER}"
        )
    return segment[0] - 1, segment[1] - 1


def _find_video(finder, where, video_path, label, video_id):
    if video_path is None:
        return finder.find(video_id, label, "")
    if not isinstance(video_path, str):
        raise AnnotationError(f"{where}: video_path is {video_path!r}; expected a text")
    return finder.find_path(video_path)
