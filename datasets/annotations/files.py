"""Which files are videos, and what a folder holds."""

import os
from dataclasses import dataclass, field

from datasets.annotations.errors import AnnotationError
from datasets.decoding.frame_folder import frame_number

# By name alone: whether a file really decodes shows when it is decoded, and is reported then.
# fmt: off
VIDEO_EXTENSIONS = frozenset((
    ".264", ".265", ".3g2", ".3gp", ".3gpp", ".amv", ".asf", ".avc", ".avi", ".dav", ".divx",
    ".dv", ".f4v", ".flv", ".gif", ".h261", ".h263", ".h264", ".h265", ".hevc", ".insv", ".ivf",
    ".lrv", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg", ".mjpg", ".mkv", ".mod",
    ".mov", ".mp4", ".mp4v", ".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf", ".nut", ".obu",
    ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".trp", ".ts", ".vob", ".vro", ".webm", ".wmv",
    ".wtv", ".xvid", ".y4m",
))
# fmt: on


def is_video_name(name):
    """Whether a file of this name counts as a video."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in VIDEO_EXTENSIONS


@dataclass
class Folder:
    """What one folder holds, hidden entries left out; all lists sorted by name.

    Attributes:
        folders: Names of folders, links to folders among them.
        links: Those of `folders` that are links.
        videos: Names of files that count as videos.
        others: Names of other files.
        unreadable: Names of what cannot even be looked at, such as links to themselves.
        has_frames: Whether there are numbered images among the others.
    """

    folders: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    videos: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    has_frames: bool = False


def list_folder(path):
    """Read one folder.

    Returns:
        `Folder`.

    Raises:
        AnnotationError: It does not exist, is no folder, or may not be read.
    """
    found = Folder()
    try:
        with os.scandir(path or ".") as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    _sort_in(entry, found)
    except FileNotFoundError:
        raise AnnotationError(f"{path}: there is no such folder") from None
    except NotADirectoryError:
        raise AnnotationError(f"{path}: is a file, a folder is needed") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AnnotationError(f"{path}: cannot be read: {reason}") from error
    for names in (found.folders, found.videos, found.others, found.unreadable):
        names.sort()
    return found


def _sort_in(entry, found):
    is_folder = is_readable = True
    try:
        is_folder = entry.is_dir()
    except OSError:
        # One bad entry is not the end of the folder.
        is_folder = is_readable = False
    if is_folder:
        found.folders.append(entry.name)
        if entry.is_symlink():
            found.links.add(entry.name)
    elif is_video_name(entry.name):
        # Readable or not: it counts, and fails by name when it is decoded.
        found.videos.append(entry.name)
    elif not is_readable:
        found.unreadable.append(entry.name)
    else:
        found.others.append(entry.name)
        found.has_frames = found.has_frames or frame_number(entry.name) is not None
