"""From the words of a command line to videos, cameras and streams."""

import glob
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import list_folder
from datasets.decoding.frame_sequence import NUMBER_PATTERN


@dataclass(frozen=True)
class VideoSource:
    """Something to look at.

    Args:
        name: Its path or address.
        kind: "video" (a file, or a folder of frames), "sequence" (numbered images, by a pattern)
            or "stream" (a camera or an address).
    """

    name: str
    kind: str


def find_sources(words):
    """Find what the user named.

    Args:
        words: Paths, folders, glob patterns, image sequences, cameras, addresses.

    Returns:
        List of ``VideoSource``, each one once; and a dict name -> reason of words that lead
        nowhere.
    """
    found, failed = {}, {}
    for word in words:
        try:
            for source in _find(word):
                found.setdefault(source.name, source)
        except AnnotationError as error:
            failed[word] = str(error).removeprefix(f"{word}: ")
    return list(found.values()), failed


def _find(word):
    if "://" in word:
        return [VideoSource(word, "stream")]
    if os.path.exists(word):
        if os.path.isdir(word):
            return _find_in_folder(word)
        is_camera = stat.S_ISCHR(os.stat(word).st_mode)
        return [VideoSource(word, "stream" if is_camera else "video")]
    if NUMBER_PATTERN.search(os.path.basename(word)):
        return [VideoSource(word, "sequence")]
    if glob.has_magic(word):
        matches = sorted(glob.glob(word, recursive=True))
        if not matches:
            raise AnnotationError("nothing matches this pattern")
        return [source for match in matches for source in _find(match)]
    if word.startswith("/dev/"):
        raise AnnotationError("there is no such camera")
    raise AnnotationError("there is no such file or folder")


def _find_in_folder(top):
    """All videos and folders of frames in a folder and below it, by name."""
    found = []
    for path, folders, _ in os.walk(top, onerror=_refuse):
        content = list_folder(path)
        folders[:] = content.folders
        if content.has_frames and not content.videos:
            found.append(path)
        found += [os.path.join(path, name) for name in content.videos]
    if not found:
        raise AnnotationError("no videos in this folder")
    return [VideoSource(path, "video") for path in sorted(found)]


def _refuse(error):
    raise AnnotationError(error.strerror or str(error))


def file_name(source):
    """A name for files about a source: its own, without the extension, fit for any file system."""
    name = Path(source.name).stem if source.kind != "stream" else source.name
    return re.sub(r"[^\w.-]+", "_", name).strip("_.") or "video"
