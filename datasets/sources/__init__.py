"""Annotation readers: one file per format, each giving the same rows; here is the way to them."""

import os
import zipfile

from datasets.index import SourceError, Splits
from datasets.sources.class_folders import read_class_folders
from datasets.sources.drawn_split import UCF_GROUP
from datasets.sources.original_json import read_original_json
from datasets.sources.text_files import AnnotationFolder, parse_json, read_text
from datasets.sources.ucf101 import read_ucf101


def load_splits(
    videos, annotation=None, split=1, val_fraction=0.2, group_pattern=UCF_GROUP, seed=0
):
    """Reads what videos there are, with their labels and splits, from any known layout.

    Args:
        videos: Folder of the videos.
        annotation: What names their classes; its kind is recognised:

            - nothing: ``videos`` has one subfolder per class, or ``train/`` and ``val/`` (and
              ``test/``) above the classes;
            - a folder or zip file with UCF-101's ``classInd.txt`` and lists;
            - a JSON file of the PyTorch original.
        split: Which of several official splits to use, from 1.
        val_fraction: Where the source has no split: share of each class drawn for validation.
        group_pattern: Where the source has no split: regular expression whose match in the file
            name tells which videos belong together, see
            :func:`datasets.sources.drawn_split.draw_split`.
        seed: Seed of the draw.

    Returns:
        :class:`Splits`, ``{"train": VideoIndex, "val": VideoIndex}`` and "test" where there is
        one; all with the same labels in the same order. Its ``notes`` say what is missing.

    Raises:
        SourceError: One line that names the file or option and what is wrong with it.
    """
    videos = os.fspath(videos)
    if not os.path.isdir(videos):
        kind = "is a file, a folder is needed" if os.path.exists(videos) else "no such folder"
        raise SourceError(f"videos {videos}: {kind}")
    if annotation is None:
        return read_class_folders(videos, val_fraction, group_pattern, seed)

    annotation = os.fspath(annotation)
    if not os.path.exists(annotation):
        raise SourceError(f"annotation {annotation}: no such file or folder")
    if os.path.isdir(annotation) or zipfile.is_zipfile(annotation):
        lists = AnnotationFolder(annotation)
        if "classInd.txt" in lists:
            return read_ucf101(videos, lists, split)
        raise SourceError(f"annotation {annotation}: no known annotation in it")
    if annotation.lower().endswith(".json"):
        return read_original_json(videos, annotation, parse_json(annotation, read_text(annotation)))
    raise SourceError(f"annotation {annotation}: of no known kind")


__all__ = ["SourceError", "Splits", "load_splits"]
