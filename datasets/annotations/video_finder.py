"""Where a listed video lies, each folder being read once."""

import os
from functools import cached_property

from datasets.annotations.files import VIDEO_EXTENSIONS, list_folder
from datasets.annotations.spelling import same_characters, spelling_key


class VideoFinder:
    """Finds the videos that an annotation names: files, or folders of frames.

    Every folder is read once however many videos are asked for: one look at the file system per
    candidate would take minutes on a network drive.

    Args:
        root: Folder that holds the videos; None looks for none, and misses none.

    Attributes:
        root: The folder; empty where there is none.
        missing: Paths returned for videos that are not there.
        respelt: `{as listed: as found}` of folders and files that were found under a name in
            other upper and lower case.
    """

    def __init__(self, root):
        self.root = "" if root is None else os.fspath(root)
        self._looks = root is not None
        if self._looks:
            list_folder(self.root)  # Fails early, naming the option's value.
        self.missing = set()
        self.respelt = {}
        self._folders = {}

    def find(self, name, *folders):
        """Where a video lies, relative to the root.

        Args:
            name: The file name. Where there is no file or folder of just that name, its ending
                need not be right or there at all, so that prepared copies in another format are
                found too.
            folders: Where to look, relative to the root, in this order.

        Returns:
            The path of the first one found. When there is none, the path it should have, so that
            the video is missed by name when it is decoded.
        """
        return self.find_any([name], folders)

    def find_path(self, path):
        """As `find`, for a path that names its folder."""
        folder, name = os.path.split(path.rstrip("/") or path)
        return self.find_any([name], [folder])

    def find_any(self, names, folders):
        """As `find`, for a video that may have one of several names, the likeliest first."""
        found = self.locate(names, folders)
        if found is not None:
            return found
        expected = os.path.join(folders[0], names[0])
        if self._looks:
            self.missing.add(expected)
        return expected

    def locate(self, names, folders):
        """As `find_any`, but None where there is no such video."""
        if not self._looks:
            return None
        for name in names:
            for folder in folders:
                there = self._folder(folder)
                found = there and there.find(name)
                if found:
                    return os.path.join(there.path, found)
        # Only now: the right spelling at a later place is the better one.
        for name in names:
            for folder in folders:
                there = self._folder(folder) or self._respelt_folder(folder)
                found = there and (there.find(name) or there.find_respelt(name))
                if found:
                    self._note(folder, there.path)
                    self._note(os.path.splitext(name)[0], os.path.splitext(found)[0])
                    return os.path.join(there.path, found)
        return None

    def _note(self, listed, found):
        # The two forms of Unicode look the same: nothing to be said.
        if same_characters(listed) != same_characters(found):
            self.respelt[listed] = found

    def _folder(self, folder):
        """`_Listing` of a folder relative to the root, or None where there is none."""
        if folder not in self._folders:
            path = os.path.join(self.root, folder)
            self._folders[folder] = _Listing(folder, path) if os.path.isdir(path) else None
        return self._folders[folder]

    def _respelt_folder(self, folder):
        """`_Listing` of a folder by its parts, each in any upper and lower case, or None."""
        here = self._folder("/" if os.path.isabs(folder) else "")
        for part in folder.split("/"):
            if here is None or not part:
                continue
            name = here.folder_like(part)
            here = None if name is None else self._folder(os.path.join(here.path, name))
        return here


class _Listing:
    """The names in one folder, by what they may be asked for."""

    def __init__(self, folder, path):
        self.path = folder
        found = list_folder(path)
        self._folders = found.folders
        self._others = frozenset(found.others)
        # {name without a video's ending: [names]}, files before folders.
        self._stems = {}
        for name in found.videos:
            self._stems.setdefault(os.path.splitext(name)[0], []).append(name)
        for name in found.folders:
            self._stems.setdefault(name, []).append(name)

    def find(self, name):
        """The entry that a name means, or None."""
        # The name itself comes first, whatever its ending: v1.5 may be a folder of frames.
        if name in self._others or name in self._stems.get(name, ()):
            return name
        candidates = self._stems.get(_stem(name)) or [None]
        return name if name in candidates else candidates[0]

    def find_respelt(self, name):
        """As `find`, in any upper and lower case and any form of Unicode."""
        return self._keys.get(spelling_key(name)) or self._keys.get(spelling_key(_stem(name)))

    def folder_like(self, name):
        """The folder of a name, in any upper and lower case if need be."""
        if name in self._stems.get(name, ()):
            return name
        return self._folder_keys.get(spelling_key(name))

    @cached_property
    def _keys(self):
        keys = {spelling_key(name): name for name in sorted(self._others)}
        for stem, names in self._stems.items():
            keys.setdefault(spelling_key(stem), names[0])
        return keys

    @cached_property
    def _folder_keys(self):
        return {spelling_key(name): name for name in reversed(self._folders)}


def _stem(name):
    """A name without a video's ending; another dot belongs to the name, as in v1.5."""
    stem, extension = os.path.splitext(name)
    return stem if extension.lower() in VIDEO_EXTENSIONS else name
