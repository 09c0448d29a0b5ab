"""Empty files and short texts for the tests of the readers."""


def make_files(folder, *paths):
    """Writes empty files; readers go by names alone."""
    for parent in {(folder / path).parent for path in paths}:
        parent.mkdir(parents=True, exist_ok=True)
    for path in paths:
        (folder / path).touch()


def write_text(folder, path, text):
    """Writes one text file and returns its path."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding="utf-8")
    return folder / path


def paths_of(index):
    """The paths of an index as stored, relative to its root."""
    return list(index.paths)
