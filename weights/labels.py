"""Class names from a file."""

import json
from pathlib import Path

from weights.errors import WeightsError


def read_labels(path):
    """Read class names in the order of a network's outputs.

    Args:
        path: A text file with one name per line, a JSON list of names, or an annotation file of
            the PyTorch original (JSON with ``"labels"``).

    Returns:
        A tuple of names.

    Raises:
        WeightsError: The file cannot be read, holds no names, or the same one twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise WeightsError(path, error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise WeightsError(path, "not a text file in UTF-8") from None
    labels = _from_json(text, path) if text.lstrip()[:1] in ("[", "{") else text.splitlines()
    labels = [label.strip() for label in labels]
    while labels and not labels[-1]:
        labels.pop()
    if not labels:
        raise WeightsError(path, "no class names in it")
    seen = {}
    for number, label in enumerate(labels, 1):
        if not label:
            raise WeightsError(path, f"class {number} has no name")
        if label in seen:
            raise WeightsError(path, f"{label!r} is class {seen[label]} and class {number}")
        seen[label] = number
    return tuple(labels)


def _from_json(text, path):
    try:
        content = json.loads(text)
    except ValueError as error:
        raise WeightsError(path, f"not JSON ({error})") from None
    labels = content.get("labels") if isinstance(content, dict) else content
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise WeightsError(path, "no list of class names in it")
    return labels
