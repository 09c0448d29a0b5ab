"""Every video below some folders, each real folder once, and what is left out on the way."""

import os
from collections import Counter

from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import list_folder
from datasets.decoding.frame_folder import flow_names, frame_number
from datasets.shown import counted

# Endings that a note names.
MOST_ENDINGS = 5


class FolderScan:
    """Looks for videos below the folders of a data set.

    Links to folders are followed, but after all else and each real folder once: a link that leads
    back into the data set would give its videos a second class. A folder of numbered images and no
    videos is itself a video whose frames were extracted.

    Args:
        root: The folder of the data set; paths are relative to it.
        folders: Folders below it to look through, `["train/run", "train/walk", ...]`.

    Attributes:
        videos: `{folder: [paths]}`, for each of `folders`, in the order of their names; those
            behind links last.
    """

    def __init__(self, root, folders):
        self._root = root
        self._left_out, self._first_left_out = Counter(), None
        self._skipped, self._with_flow = [], []
        # Neither the folders above are looked through again, nor any one twice.
        self._seen = {}
        for folder in folders:
            for above in _parents(folder):
                self._see(above)
        self.videos = {folder: [] for folder in folders}
        links = []
        for folder in folders:
            if os.path.islink(os.path.join(root, folder)):
                links.append((folder, folder))
            else:
                links += [(folder, link) for link in self._walk(folder, folder)]
        # Links behind links come to the end of the line.
        for folder, link in links:
            if self._leads_above(link):
                self._skipped.append(f"{link} leads to a folder above")
            else:
                links += [(folder, other) for other in self._walk(folder, link)]

    def _see(self, folder):
        """Whether a folder is met for the first time, under whatever name."""
        path = os.path.join(self._root, folder)
        try:
            status = os.stat(path)
        except OSError as error:
            raise AnnotationError(f"{path}: cannot be read: {error.strerror}") from error
        # Some file systems do not number their files.
        identity = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)
        before = self._seen.setdefault(identity, folder)
        if before != folder:
            self._skipped.append(f"{folder} is the same folder as {before or self._root}")
        return before == folder

    def _leads_above(self, link):
        real = os.path.realpath(os.path.join(self._root, link))
        return os.path.realpath(self._root).startswith(os.path.join(real, ""))

    def _walk(self, folder, start):
        """Add the videos below a folder, and return the links to folders that were met."""
        links, pending = [], [start]
        while pending:
            current = pending.pop()
            if not self._see(current):
                continue
            found = list_folder(os.path.join(self._root, current))
            self._skipped += [
                f"{os.path.join(current, name)} cannot be read" for name in found.unreadable
            ]
            others = found.others
            if found.has_frames and not found.videos:
                self.videos[folder].append(current)
                frames = [name for name in others if frame_number(name) is not None]
                others = sorted(set(others).difference(frames))
                if flow_names(frames):
                    self._with_flow.append(current)
            self._leave_out(current, others)
            self.videos[folder] += [os.path.join(current, name) for name in found.videos]
            below = [os.path.join(current, name) for name in reversed(found.folders)]
            links += [path for path in reversed(below) if os.path.basename(path) in found.links]
            pending += [path for path in below if os.path.basename(path) not in found.links]
        return links

    def _leave_out(self, folder, names):
        for name in names:
            self._left_out[os.path.splitext(name)[1].lower() or "none"] += 1
            self._first_left_out = self._first_left_out or os.path.join(folder, name)

    @property
    def notes(self):
        """Sentences on what was left out."""
        notes = [f"{self._root}: {sentence}; left out" for sentence in self._skipped]
        if self._left_out:
            endings = self._left_out.most_common(MOST_ENDINGS)
            named = ", ".join(f"{ending} {n:,}" for ending, n in endings)
            more = ", ..." if len(self._left_out) > MOST_ENDINGS else ""
            notes.append(
                f"{self._root}: {counted(self._left_out.total(), 'file')} left out, as their "
                f"endings are those of no videos ({named}{more}; {self._first_left_out} first)"
            )
        if self._with_flow:
            notes.append(
                f"{self._root}: {counted(len(self._with_flow), 'folder')} with optical flow beside "
                f"the RGB frames, which alone are taken ({self._with_flow[0]} first)"
            )
        return notes


def _parents(folder):
    """The folders above a relative one, from the root on: `""` and `"train"` of `"train/run"`."""
    parts = folder.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts))]
