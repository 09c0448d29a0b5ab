"""Reader: one subfolder of videos per class, split by folders or by drawing."""

import os

from datasets.annotations.drawn_split import draw_split
from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import list_folder, walk_videos
from datasets.index.video_index import Row, Splits, VideoIndex

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def read_class_folders(videos, val_fraction, group_pattern, seed):
    """Reads ``videos/<class>/...``, or ``videos/train/<class>/...`` beside ``val`` and ``test``.

    Labels are the sorted names of the class folders, of all splits together.

    Args:
        videos: The folder.
        val_fraction: Share of each class drawn for validation where no folders give the split.
        group_pattern: See :func:`datasets.annotations.drawn_split.draw_split`.
        seed: Seed of the draw.
    """
    top = list_folder(videos)
    if not top.folders:
        found = f"{len(top.videos)} videos, but no class folders" if top.videos else "no videos"
        raise AnnotationError(f"{videos}: {found}; one subfolder of videos per class is expected")
    if _is_wrapper(videos, top):
        inner = os.path.join(videos, top.folders[0])
        return read_class_folders(inner, val_fraction, group_pattern, seed)
    notes = _notes_on_strays(videos, top)
    splits = [name for name in top.folders if name.lower() in SPLIT_FOLDERS]
    # A class may be called "train", but hardly one beside another called "val".
    if splits == top.folders or len(splits) > 1:
        return _read_split_folders(videos, splits)

    rows = _read_classes(videos, "", top.folders, top.folders)
    if not rows:
        raise AnnotationError(f"{videos}: no videos in its {len(top.folders)} class folders")
    notes += _notes_on_empty_classes(videos, "", top.folders, rows)
    labels = sorted({top.folders[row.label] for row in rows})
    # Folders without a single video are no classes: nothing could ever be said of them.
    number = {name: label for label, name in enumerate(labels)}
    rows = [row._replace(label=number[top.folders[row.label]]) for row in rows]
    everything = VideoIndex.from_rows(labels, rows, root=videos)
    drawn, draw_notes = draw_split(everything, val_fraction, group_pattern, seed)
    return Splits(videos, drawn, notes + draw_notes)


def _is_wrapper(videos, top):
    """Whether the folder holds nothing but the folder of the data set, as UCF-101's rar unpacks.

    Taken for a class of its own, it would make a data set of one class.
    """
    if len(top.folders) != 1 or top.videos or top.folders[0].lower() in SPLIT_FOLDERS:
        return False
    path = os.path.join(videos, top.folders[0])
    inner = list_folder(path)
    return (
        len(inner.folders) > 1
        and not inner.videos
        # Otherwise they are the videos of one class, extracted.
        and not any(list_folder(os.path.join(path, name)).has_frames for name in inner.folders)
    )


def _read_split_folders(videos, folders):
    """The splits of a folder that has nothing but train/, val/ and the like."""
    folder_of = {}
    for folder in folders:
        split = SPLIT_FOLDERS[folder.lower()]
        if split in folder_of:
            raise AnnotationError(f"{videos}: {folder_of[split]}/ and {folder}/ are the same split")
        folder_of[split] = folder
    for split in ("train", "val"):
        if split not in folder_of:
            raise AnnotationError(f"{videos}: has {', '.join(folders)} but no {split} folder")

    listings = {
        split: list_folder(os.path.join(videos, folder_of[split]))
        for split in ("train", "val", "test")
        if split in folder_of
    }
    labels = sorted({name for found in listings.values() for name in found.folders})
    if not labels:
        raise AnnotationError(f"{videos}: no class folders in {', '.join(folders)}")
    indexes, notes = {}, []
    for split, found in listings.items():
        folder = folder_of[split]
        rows = _read_classes(videos, folder, found.folders, labels)
        if not rows:
            raise AnnotationError(f"{os.path.join(videos, folder)}: no videos in its class folders")
        notes += _notes_on_strays(os.path.join(videos, folder), found)
        notes += _notes_on_empty_classes(videos, folder, labels, rows)
        indexes[split] = VideoIndex.from_rows(labels, rows, root=videos)
    return Splits(videos, indexes, notes)


def _read_classes(videos, parent, folders, labels):
    number = {name: label for label, name in enumerate(labels)}
    return [
        Row(path, number[folder])
        for folder in folders
        for path in walk_videos(videos, os.path.join(parent, folder))
    ]


def _notes_on_strays(folder, found):
    if not found.videos:
        return []
    return [
        f"{folder}: {len(found.videos)} videos lie beside the class folders and are left out, "
        f"{found.videos[0]} first"
    ]


def _notes_on_empty_classes(videos, parent, labels, rows):
    present = {row.label for row in rows}
    empty = [name for label, name in enumerate(labels) if label not in present]
    if not empty:
        return []
    return [
        f"{os.path.join(videos, parent)}: no videos for {len(empty)} of {len(labels)} classes: "
        + ", ".join(empty[:5])
        + (", ..." if len(empty) > 5 else "")
    ]
