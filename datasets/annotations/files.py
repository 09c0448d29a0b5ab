"""Which files are videos, and where a listed video lies: each folder is read once."""

import os
from dataclasses import dataclass, field

from datasets.annotations.errors import AnnotationError
from datasets.decoding.frame_folder import frame_number

# By name alone: whether a file really decodes shows when it is decoded, and is reported then.
# fmt: off
VIDEO_EXTENSIONS = frozenset((
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".gif", ".m1v", ".m2ts", ".m2v",
    ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rm",
    ".rmvb", ".ts", ".vob", ".webm", ".wmv",
))
# fmt: on


def is_video_name(name):
    """Whether a file of this name counts as a video."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in VIDEO_EXTENSIONS


@dataclass
class Folder:
    """What one folder holds, hidden entries left out; all lists sorted by name."""

    folders: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    has_frames: bool = False


def list_folder(path):
    """Reads one folder.

    Raises:
        AnnotationError: It does not exist, is no folder, or may not be read.
    """
    found = Folder()
    try:
        with os.scandir(path or ".") as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    found.folders.append(entry.name)
                elif is_video_name(entry.name):
                    found.videos.append(entry.name)
                elif frame_number(entry.name) is not None:
                    found.has_frames = True
    except FileNotFoundError:
        raise AnnotationError(f"{path}: there is no such folder") from None
    except NotADirectoryError:
        raise AnnotationError(f"{path}: is a file, a folder is needed") from None
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror or error}") from error
    found.folders.sort()
    found.videos.sort()
    return found


def walk_videos(root, folder):
    """Yields every video in a folder and the folders below it, in the order of their names.

    Symbolic links are followed, each folder once. A folder of numbered images and no videos is
    itself a video whose frames were extracted.

    Args:
        root: The folder that the yielded paths are relative to.
        folder: Where to look, relative to ``root``.
    """
    seen = set()
    pending = [folder]
    while pending:
        current = pending.pop()
        status = os.stat(os.path.join(root, current))
        if (status.st_dev, status.st_ino) in seen:
            continue  # A link that leads back.
        seen.add((status.st_dev, status.st_ino))
        found = list_folder(os.path.join(root, current))
        if found.has_frames and not found.videos:
            yield current
        yield from (os.path.join(current, name) for name in found.videos)
        pending.extend(os.path.join(current, name) for name in reversed(found.folders))


class VideoFinder:
    """Finds the videos that an annotation names, whatever their extension, or as folders of frames.

    Every folder is read once however many videos are asked for: one look at the file system per
    candidate would take minutes on a network drive.

    Args:
        root: Folder that holds the videos; None looks for none, and misses none.

    Attributes:
        missing: Paths returned for videos that are not there.
    """

    def __init__(self, root):
        self.root = "" if root is None else os.fspath(root)
        self._looks = root is not None
        if self._looks:
            list_folder(self.root)  # Fails early, naming the option's value.
        self.missing = set()
        self._stems = {}

    def find(self, name, *folders):
        """Returns where a video lies, relative to the root.

        Args:
            name: The file name; with or without its extension, which need not be the right one,
                so that prepared copies in another format are found too.
            folders: Where to look, relative to the root, in this order.

        Returns:
            The path of the first one found. When there is none, the path it should have, so that
            the video is missed by name when it is decoded.
        """
        if not self._looks:
            return os.path.join(folders[0], name)
        stem, extension = os.path.splitext(name)
        if extension.lower() not in VIDEO_EXTENSIONS:
            stem = name  # The dot belongs to the name, as in "v1.5".
        for folder in folders:
            candidates = self._candidates(folder).get(stem)
            if candidates:
                best = name if name in candidates else candidates[0]
                return os.path.join(folder, best)
        expected = os.path.join(folders[0], name)
        self.missing.add(expected)
        return expected

    def _candidates(self, folder):
        """``{stem: [names]}`` of a folder, files before folders; empty if there is no such."""
        if folder not in self._stems:
            stems = {}
            path = os.path.join(self.root, folder)
            if os.path.isdir(path):
                found = list_folder(path)
                for name in found.videos:
                    stems.setdefault(os.path.splitext(name)[0], []).append(name)
                for name in found.folders:
                    stems.setdefault(name, []).append(name)
            self._stems[folder] = stems
        return self._stems[folder]
