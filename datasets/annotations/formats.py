"""Annotation readers: one file per format, each giving the same rows; here is the way to them."""

import os
import zipfile

from datasets.annotations.class_folders import read_class_folders
from datasets.annotations.csv_table import is_csv_tables, read_csv_table, read_csv_tables
from datasets.annotations.drawn_split import UCF_GROUP
from datasets.annotations.errors import AnnotationError
from datasets.annotations.hmdb51 import is_hmdb51, read_hmdb51
from datasets.annotations.index_file import INDEX_NAME, read_index_file
from datasets.annotations.kinetics import is_kinetics, read_kinetics
from datasets.annotations.moments import CATEGORIES, read_moments
from datasets.annotations.original_json import read_original_json
from datasets.annotations.something_something import (
    is_something_something,
    read_something_something,
)
from datasets.annotations.text_files import AnnotationFolder, parse_json, read_text
from datasets.annotations.ucf101 import read_ucf101

KINDS = (
    "UCF-101, HMDB-51, Kinetics, Moments in Time, Something-Something v2, train.csv and val.csv, "
    "a CSV or JSON file, or an index"
)


def load_splits(
    videos,
    annotation=None,
    split=1,
    val_fraction=0.2,
    group_pattern=UCF_GROUP,
    seed=0,
    names_only=False,
):
    """Reads what videos there are, with their labels and splits, from any known layout.

    Args:
        videos: Folder of the videos; None with an index means where they were when it was made.
        annotation: What names their classes; its kind is recognised:

            - nothing: ``videos`` has one subfolder per class, or ``train/`` and ``val/`` (and
              ``test/``) above the classes;
            - a folder or zip file with the official files of UCF-101, HMDB-51, Kinetics, Moments
              in Time or Something-Something v2, or with ``train.csv`` and ``val.csv``;
            - a CSV file ``path,label[,start,end]``, times in seconds;
            - a JSON file of the PyTorch original;
            - an index, or the folder that ``python -m app index`` wrote.
        split: Which of several official splits to use, from 1.
        val_fraction: Where the source has no split: share of each class drawn for validation.
        group_pattern: Where the source has no split: regular expression whose match in the file
            name tells which videos belong together, see
            :func:`datasets.annotations.drawn_split.draw_split`.
        seed: Seed of the draw.
        names_only: Look for no videos: for whoever needs the names and classes that an annotation
            lists; `videos` is not used then.

    Returns:
        `Splits`, ``{"train": VideoIndex, "val": VideoIndex}`` and "test"
        where there is one; all with the same labels in the same order. Its ``notes`` say what is
        missing.

    Raises:
        AnnotationError: One line that names the file or option and what is wrong with it.
    """
    if annotation is None and videos is None:
        raise AnnotationError("videos: a folder is needed")
    if annotation is not None:
        annotation = os.fspath(annotation)
        if not os.path.exists(annotation):
            raise AnnotationError(f"annotation {annotation}: no such file or folder")
        if os.path.isfile(os.path.join(annotation, INDEX_NAME)):
            return read_index_file(videos, os.path.join(annotation, INDEX_NAME))
        if annotation.endswith(".npz"):
            return read_index_file(videos, annotation)
        if videos is None and not names_only:
            raise AnnotationError(f"videos: the folder of the videos in {annotation} is needed")

    videos = None if names_only and annotation is not None else os.fspath(videos)
    if videos is not None and not os.path.isdir(videos):
        kind = "is a file, a folder is needed" if os.path.exists(videos) else "no such folder"
        raise AnnotationError(f"videos {videos}: {kind}")
    if annotation is None:
        return read_class_folders(videos, val_fraction, group_pattern, seed)
    if os.path.isdir(annotation) or zipfile.is_zipfile(annotation):
        return _read_lists(videos, AnnotationFolder(annotation), split)
    if annotation.lower().endswith(".json"):
        return read_original_json(videos, annotation, parse_json(annotation, read_text(annotation)))
    if annotation.lower().endswith(".csv"):
        return read_csv_table(videos, annotation, val_fraction, group_pattern, seed)
    raise AnnotationError(f"annotation {annotation}: of no known kind; known are {KINDS}")


def _read_lists(videos, lists, split):
    """Tells the data sets apart by the files that only they have."""
    if "classInd.txt" in lists:
        return read_ucf101(videos, lists, split)
    if is_hmdb51(lists):
        return read_hmdb51(videos, lists, split)
    if CATEGORIES in lists:
        return read_moments(videos, lists)
    if is_something_something(lists):
        return read_something_something(videos, lists)
    if is_kinetics(lists):
        return read_kinetics(videos, lists)
    if is_csv_tables(lists):
        return read_csv_tables(videos, lists)
    raise AnnotationError(f"annotation {lists.path}: no known annotation in it; known are {KINDS}")
