"""Reader: one subfolder of videos per class, split by folders or by drawing."""

import os

from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import list_folder
from datasets.annotations.folder_scan import FolderScan
from datasets.annotations.spelling import class_name, look_alikes, spelling_key
from datasets.annotations.split_names import SPLIT_OF_NAME
from datasets.index.splits import ALL, Splits
from datasets.index.video_index import Row, VideoIndex
from datasets.shown import counted

# Names that a note lists.
MOST_NAMED = 5


def read_class_folders(videos, draw):
    """Read `videos/<class>/...`, or `videos/train/<class>/...` beside `val` and `test`.

    Labels are the sorted names of the class folders, of all splits together. Folders without a
    single video are no classes: nothing could ever be said of them.

    Args:
        videos: The folder.
        draw: `Draw`, where no folders give the split.

    Returns:
        `Splits`.

    Raises:
        AnnotationError: There are no such folders, or no videos in them.
    """
    top = list_folder(videos)
    if not top.folders:
        n_videos = counted(len(top.videos), "video")
        found = f"{n_videos}, but no class folders" if top.videos else "no videos"
        raise AnnotationError(f"{videos}: {found}; one subfolder of videos per class is expected")
    if _is_wrapper(videos, top):
        return read_class_folders(os.path.join(videos, top.folders[0]), draw)
    names = [name for name in top.folders if name.lower() in SPLIT_OF_NAME]
    # A class may be called "train", but hardly one beside another called "val".
    if names == top.folders or len(names) > 1:
        return _read_split_folders(videos, _folders_of_splits(videos, names))
    scan = FolderScan(videos, top.folders)
    if not any(scan.videos.values()):
        n_folders = counted(len(top.folders), "class folder")
        raise AnnotationError(f"{videos}: no videos in its {n_folders}")
    folders = {(ALL, name): name for name in top.folders}
    labels, rows, notes = _rows(scan, folders)
    notes = [*_notes_on_strays(videos, top), *_notes_on_empty(videos, scan, top.folders), *notes]
    index = VideoIndex.from_rows(labels, rows[ALL], root=videos)
    return Splits(videos, {ALL: index}, [*notes, *scan.notes], draw)


def _is_wrapper(videos, top):
    """Whether the folder holds nothing but the folder of the data set, as UCF-101's rar unpacks.

    Taken for a class of its own, it would make a data set of one class.
    """
    if len(top.folders) != 1 or top.videos or top.folders[0].lower() in SPLIT_OF_NAME:
        return False
    path = os.path.join(videos, top.folders[0])
    inner = list_folder(path)
    return (
        len(inner.folders) > 1
        and not inner.videos
        # Otherwise they are the videos of one class, extracted.
        and not any(list_folder(os.path.join(path, name)).has_frames for name in inner.folders)
    )


def _folders_of_splits(videos, names):
    """`{split: folder}`, in the order train, val, test."""
    folder_of = {}
    for name in names:
        split = SPLIT_OF_NAME[name.lower()]
        if split in folder_of:
            raise AnnotationError(f"{videos}: {folder_of[split]}/ and {name}/ are the same split")
        folder_of[split] = name
    for split in ("train", "val"):
        if split not in folder_of:
            raise AnnotationError(f"{videos}: has {', '.join(names)} but no {split} folder")
    return {split: folder_of[split] for split in ("train", "val", "test") if split in folder_of}


def _read_split_folders(videos, folder_of):
    """The splits of a folder that has train/, val/ and the like."""
    listings = {
        split: list_folder(os.path.join(videos, folder)) for split, folder in folder_of.items()
    }
    folders = {
        (split, name): os.path.join(folder_of[split], name)
        for split, found in listings.items()
        for name in found.folders
    }
    if not folders:
        raise AnnotationError(f"{videos}: no class folders in {', '.join(folder_of.values())}")
    scan = FolderScan(videos, list(folders.values()))
    labels, rows, look_alike_notes = _rows(scan, folders)
    notes = []
    for split, found in listings.items():
        path = os.path.join(videos, folder_of[split])
        if not rows.get(split):
            raise AnnotationError(f"{path}: no videos in its class folders")
        notes += _notes_on_strays(path, found)
        own = [folders[split, name] for name in found.folders]
        notes += _notes_on_empty(path, scan, own)
        notes += _notes_on_absent(path, labels, rows[split])
    indexes = {split: VideoIndex.from_rows(labels, rows[split], root=videos) for split in folder_of}
    return Splits(videos, indexes, [*notes, *look_alike_notes, *scan.notes])


def _rows(scan, folders):
    """Rows of the videos of class folders.

    Args:
        scan: `FolderScan` of the folders.
        folders: `{(split, name of the class folder): folder}`, split by split.

    Returns:
        The labels, `{split: [Row, ...]}`, and notes. A class folder that is spelt in other upper
        and lower case than the one of an earlier split is the same class.
    """
    label_of, known = {}, {}
    for (split, name), folder in folders.items():
        if scan.videos[folder]:
            label = class_name(name)
            earlier = known.setdefault(spelling_key(label), (split, label))
            label_of[split, name] = earlier[1] if earlier[0] != split else label
    labels = sorted(set(label_of.values()))
    number = {label: n for n, label in enumerate(labels)}
    rows = {}
    for (split, name), label in label_of.items():
        videos = scan.videos[folders[split, name]]
        rows.setdefault(split, []).extend(Row(path, number[label]) for path in videos)
    respelt = [
        f"{folders[split, name]} is taken for the class {label}"
        for (split, name), label in label_of.items()
        if class_name(name) != label
    ]
    notes = [f"spelt in another way: {_named(respelt)}"] if respelt else []
    notes += [f"{one} and {other} are two classes" for one, other in look_alikes(labels)]
    return labels, rows, notes


def _notes_on_strays(folder, found):
    if not found.videos:
        return []
    n_videos = counted(len(found.videos), "video")
    return [f"{folder}: {n_videos} beside the class folders left out, {found.videos[0]} first"]


def _notes_on_empty(folder, scan, folders):
    empty = [os.path.basename(path) for path in folders if not scan.videos[path]]
    if not empty:
        return []
    return [
        f"{folder}: {counted(len(empty), 'folder')} without videos, so no "
        f"{'class' if len(empty) == 1 else 'classes'}: {_named(empty)}"
    ]


def _notes_on_absent(folder, labels, rows):
    present = {row.label for row in rows}
    absent = [name for label, name in enumerate(labels) if label not in present]
    if not absent:
        return []
    return [f"{folder}: no videos for {len(absent)} of {len(labels)} classes: {_named(absent)}"]


def _named(names):
    return ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
