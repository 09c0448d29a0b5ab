"""Names that mean the same although they are spelt in other characters."""

import os
import unicodedata


def same_characters(text):
    """A text in one form of Unicode (NFC): macOS writes an accent as a character of its own."""
    return unicodedata.normalize("NFC", text)


def spelling_key(name):
    """What is equal for two names that differ only in upper and lower case or in Unicode's form."""
    return same_characters(same_characters(name).casefold())


def class_name(folder):
    """The class that a folder stands for.

    Args:
        folder: Name of the folder; bytes that are no UTF-8 become escapes such as `\\xe9`, since a
            class name goes into JSON, tables and pictures.
    """
    return same_characters(os.fsencode(folder).decode("utf-8", "backslashreplace"))


def look_alikes(names):
    """Pairs of different names with the same key, sorted."""
    first, pairs = {}, []
    for name in sorted(names):
        other = first.setdefault(spelling_key(name), name)
        if other != name:
            pairs.append((other, name))
    return pairs
