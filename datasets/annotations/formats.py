"""Which format an annotation has, and so which reader it needs."""

import os
import zipfile

from datasets.annotations.class_folders import read_class_folders
from datasets.annotations.drawn_split import UCF_GROUP, Draw
from datasets.annotations.errors import AnnotationError
from datasets.annotations.hmdb51 import is_hmdb51, read_hmdb51
from datasets.annotations.index_file import read_index_file
from datasets.annotations.kinetics import (
    is_kinetics,
    is_kinetics_file,
    read_kinetics,
    read_kinetics_file,
)
from datasets.annotations.list_file import ENDINGS, is_list_folder, read_list_file, read_list_folder
from datasets.annotations.moments import CATEGORIES, read_moments
from datasets.annotations.original_json import read_original_json
from datasets.annotations.something_something import (
    is_something_something,
    read_something_something,
)
from datasets.annotations.text_files import AnnotationFolder, parse_json, read_text
from datasets.annotations.ucf101 import read_ucf101
from datasets.index.video_index import INDEX_NAME, VideoIndex

KINDS = (
    "UCF-101, HMDB-51, Kinetics, Moments in Time, Something-Something v2, lists for train and val, "
    "one list (.csv, .txt, .list), a JSON file, or an index"
)


def load_splits(
    videos,
    annotation=None,
    official_split=1,
    val_fraction=0.2,
    group_pattern=UCF_GROUP,
    seed=0,
    names_only=False,
    multi_label=False,
):
    """Read what videos there are, with their labels and splits, from any known layout.

    Args:
        videos: Folder of the videos; None with an index means where they were when it was made.
        annotation: What names their classes; its kind is recognised:

            - nothing: `videos` has one subfolder per class, or `train/` and `val/` (and
              `test/`) above the classes;
            - a folder or zip file with the official files of UCF-101, HMDB-51, Kinetics, Moments
              in Time or Something-Something v2, or with a list for each of train and val;
            - a CSV file `path,label[,start,end]`, times in seconds;
            - a list `path label` or `folder n_frames label`;
            - a JSON file of the PyTorch original, or one CSV file of Kinetics;
            - an index, or the folder that `python -m app index` wrote.
        official_split: Which of several official splits to use, from 1.
        val_fraction: Where the source has no split: share of each class drawn for validation.
        group_pattern: Where the source has no split: regular expression whose match in the file
            name tells which videos belong together, see `datasets.annotations.drawn_split.Draw`.
        seed: Seed of the draw.
        names_only: Look for no videos: for whoever needs the names and classes that an annotation
            lists; `videos` is not used then.
        multi_label: A video may have several labels: all that its rows have, if it is listed more
            than once, and in a list of one's own also `path label label` and labels with commas
            between them.

    Returns:
        `datasets.index.splits.Splits`: a `VideoIndex` each for "train", "val" and, where there is
        one, "test"; and for "all". All have the same labels in the same order. A split that the
        source does not give is drawn when it is asked for. `notes` say what is missing or odd.

    Raises:
        AnnotationError: One line that names the file or option and what is wrong with it.
    """
    draw = Draw(val_fraction, group_pattern, seed)
    if annotation is not None:
        annotation = os.fspath(annotation)
        if not os.path.exists(annotation):
            raise AnnotationError(f"annotation {annotation}: no such file or folder")
        videos = None if names_only else videos
        index = os.path.join(annotation, INDEX_NAME)
        if os.path.isfile(index):
            return read_index_file(videos, index, draw, multi_label)
        if annotation.endswith(".npz"):
            return read_index_file(videos, annotation, draw, multi_label)
    splits = _read(videos, annotation, official_split, draw, names_only, multi_label)
    return splits.changed(VideoIndex.with_several_labels) if multi_label else splits


def _read(videos, annotation, official_split, draw, names_only, multi_label):
    """Read anything but an index."""
    if annotation is None:
        return read_class_folders(_folder(videos), draw)
    if not names_only:
        if videos is None:
            raise AnnotationError(f"videos: the folder of the videos in {annotation} is needed")
        videos = _folder(videos)
    if os.path.isdir(annotation) or zipfile.is_zipfile(annotation):
        return _read_folder(videos, AnnotationFolder(annotation), official_split, multi_label)
    return _read_file(videos, annotation, draw, multi_label)


def _folder(videos):
    if videos is None:
        raise AnnotationError("videos: a folder is needed")
    videos = os.fspath(videos)
    if not os.path.isdir(videos):
        kind = "is a file, a folder is needed" if os.path.exists(videos) else "no such folder"
        raise AnnotationError(f"videos {videos}: {kind}")
    return videos


def _read_folder(videos, lists, official_split, multi_label):
    """Tell the data sets apart by the files that only they have."""
    if "classInd.txt" in lists:
        return read_ucf101(videos, lists, official_split)
    if is_hmdb51(lists):
        return read_hmdb51(videos, lists, official_split)
    if CATEGORIES in lists:
        return read_moments(videos, lists)
    if is_something_something(lists):
        return read_something_something(videos, lists)
    if is_kinetics(lists):
        return read_kinetics(videos, lists)
    if is_list_folder(lists):
        return read_list_folder(videos, lists, official_split, multi_label)
    raise AnnotationError(f"annotation {lists.path}: no known annotation in it; known are {KINDS}")


def _read_file(videos, path, draw, multi_label):
    ending = os.path.splitext(path)[1].lower()
    if ending not in (".json", *ENDINGS):
        raise AnnotationError(f"annotation {path}: of no known kind; known are {KINDS}")
    text = read_text(path)
    if ending == ".json":
        return read_original_json(videos, path, parse_json(path, text))
    if is_kinetics_file(text):
        return read_kinetics_file(videos, path, text, draw)
    return read_list_file(videos, path, text, draw, multi_label)
