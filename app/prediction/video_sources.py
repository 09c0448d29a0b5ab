"""From the words of a command line to videos, cameras and streams."""

import glob
import os
import re
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path

from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import list_folder
from datasets.decoding.frame_sequence import is_sequence

# Bytes in the name of a file, on the file systems in use.
NAME_MAX = 255


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
        List of `VideoSource`, each one once; and a dict name -> reason of what leads nowhere: a
        word, or one of the folders that it leads to.
    """
    found, failed = {}, {}
    for word in words:
        for source in _find(word, failed):
            found.setdefault(source.name, source)
    return list(found.values()), failed


def _find(word, failed):
    if "://" in word:
        return [VideoSource(word, "stream")]
    if os.path.isdir(word):
        return _find_in_folder(word, failed)
    if os.path.exists(word):
        is_camera = stat.S_ISCHR(os.stat(word).st_mode)
        return [VideoSource(word, "stream" if is_camera else "video")]
    if word.isascii() and word.isdigit():
        # As cameras are numbered everywhere else.
        return _find_camera(f"/dev/video{int(word)}", failed)
    if is_sequence(word):
        return [VideoSource(word, "sequence")]
    if glob.has_magic(word):
        matches = sorted(glob.glob(word, recursive=True))
        if not matches:
            failed[word] = "nothing matches this pattern"
        return [source for match in matches for source in _find(match, failed)]
    if word.startswith("/dev/"):
        return _find_camera(word, failed)
    failed[word] = "there is no such file or folder"
    return []


def _find_camera(device, failed):
    if os.path.exists(device):
        return [VideoSource(device, "stream")]
    failed[device] = "there is no such camera"
    return []


def _find_in_folder(top, failed):
    """All videos and folders of frames in a folder and below it, by name."""
    found, refused, seen = [], {}, set()
    for path, folders, _ in os.walk(top, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:
            # A link that leads back.
            folders.clear()
            continue
        seen.add(real)
        try:
            content = list_folder(path)
        except AnnotationError as error:
            refused[path] = str(error).removeprefix(f"{path}: ")
            folders.clear()
            continue
        folders[:] = content.folders
        if content.has_frames and not content.videos:
            found.append(path)
        found += [os.path.join(path, name) for name in content.videos]
    if not found and not refused:
        refused[top] = "no videos in this folder"
    failed.update(refused)
    return [VideoSource(path, "video") for path in sorted(found)]


def file_name(source, ending=""):
    """A name for a file about a source: its own, fit for any file system.

    Args:
        source: `VideoSource`.
        ending: What takes the place of the source's own ending. Where both are too long together,
            the name is cut and a part of its checksum keeps it apart from others.
    """
    name = Path(source.name).stem if source.kind != "stream" else source.name
    name = re.sub(r"[^\w.-]+", "_", name).strip("_.") or "video"
    room, encoded = NAME_MAX - len(ending), name.encode()
    if len(encoded) > room:
        checksum = f"-{zlib.crc32(encoded):08x}"
        name = encoded[: room - len(checksum)].decode(errors="ignore") + checksum
    return name + ending
