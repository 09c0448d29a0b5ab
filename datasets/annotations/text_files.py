"""Reading annotation files line by line, so that every complaint can name file and line."""

import csv
import io
import json
import os
import zipfile
import zlib

from datasets.annotations.errors import AnnotationError
from datasets.annotations.spelling import same_characters

# The largest number of frames or classes that counts as one; beyond, a list is damaged.
LARGEST_NUMBER = 2**31 - 1


class AnnotationFolder:
    """The files of a dataset's annotations: a folder, or the zip it was downloaded as.

    Files are found by name, also one folder down, since archives unpack so.

    Args:
        path: The folder or zip file.
    """

    def __init__(self, path):
        self.path = os.fspath(path)
        self._archive = None
        try:
            if os.path.isdir(self.path):
                names = self._names_in_folder()
            else:
                self._archive = zipfile.ZipFile(self.path)
                names = [name for name in self._archive.namelist() if not name.endswith("/")]
        except FileNotFoundError:
            raise AnnotationError(f"{self.path}: there is no such file or folder") from None
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            raise AnnotationError(f"{self.path}: cannot be read: {error}") from error
        # The file nearest the top wins where several have one name.
        names.sort(key=lambda name: (name.count("/"), name))
        self._location = {}
        self._rival = {}
        for name in names:
            if name.startswith("__MACOSX/"):
                continue
            first = self._location.setdefault(os.path.basename(name), name)
            if first != name and first.count("/") == name.count("/"):
                self._rival[os.path.basename(name)] = name

    def _names_in_folder(self):
        names = []
        for folder, folders, files in os.walk(self.path):
            below = os.path.relpath(folder, self.path)
            # Annotations lie here or one folder down; videos beside them may go deeper.
            if below != os.curdir:
                folders.clear()
            names += [os.path.normpath(os.path.join(below, file)) for file in files]
        return names

    def __contains__(self, name):
        return name in self._location

    def names(self):
        """Names of all files, sorted."""
        return sorted(self._location)

    def describe(self, name):
        """The file as messages name it."""
        return os.path.join(self.path, self._location.get(name, name))

    def text(self, name):
        """Return the text of one file.

        Raises:
            AnnotationError: It is missing, unreadable or no text.
        """
        where = self.describe(name)
        if name not in self:
            raise AnnotationError(f"{where}: there is no such file")
        if name in self._rival:
            raise AnnotationError(
                f"{where}: {self._rival[name]} is there too; name the folder of one"
            )
        if self._archive is None:
            return read_text(where)
        try:
            return same_characters(self._archive.read(self._location[name]).decode("utf-8-sig"))
        except (
            OSError,
            ValueError,
            EOFError,
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise AnnotationError(f"{where}: cannot be read: {error}") from error

    def lines(self, name):
        """Yield `(place, line)` for the lines of one file that are not empty."""
        yield from numbered_lines(self.describe(name), self.text(name))

    def table(self, name):
        """Yield `(place, cells)` for the rows of one CSV file that are not empty."""
        yield from csv_rows(self.describe(name), self.text(name))

    def json(self, name):
        """Return the content of one JSON file."""
        return parse_json(self.describe(name), self.text(name))


def read_text(path):
    """Return the text of a file.

    Raises:
        AnnotationError: It is missing, unreadable or no text.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            return same_characters(file.read())
    except FileNotFoundError:
        raise AnnotationError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: is no UTF-8 text: {error}") from error
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror or error}") from error


def numbered_lines(path, text):
    """Yield `("file, line 7", line)` for every line of a text that is not empty."""
    # Not splitlines, which takes more characters than an editor does for the end of a line.
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip():
            yield f"{path}, line {number}", line.strip()


def csv_rows(path, text, separator=","):
    """Yield `("file, line 7", [cell, ...])` for every row that is not empty, cells stripped."""
    # Python 3.10 reads no zero byte, and nothing is named with one.
    text = io.StringIO(text.replace("\0", "\N{REPLACEMENT CHARACTER}"), newline="")
    reader = csv.reader(text, delimiter=separator, skipinitialspace=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield f"{path}, line {reader.line_num}", [cell.strip() for cell in cells]
    except csv.Error as error:
        raise AnnotationError(f"{path}, line {reader.line_num}: is no CSV: {error}") from error


def whole_number(place, text):
    """A number that counts something.

    Raises:
        AnnotationError: The text is none, or one beyond all measure.
    """
    if not text.isdecimal() or len(text) > len(str(LARGEST_NUMBER)) or int(text) > LARGEST_NUMBER:
        raise AnnotationError(f"{place}: expected a whole number, found {text[:40]!r}")
    return int(text)


def parse_json(path, text):
    """Return what a JSON text holds.

    Raises:
        AnnotationError: The text is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise AnnotationError(f"{path}: is no JSON: {error}") from error
    except RecursionError:
        raise AnnotationError(f"{path}: is no annotation, it is nested too deeply") from None
