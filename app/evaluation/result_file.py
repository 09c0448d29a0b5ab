"""The result files of the PyTorch original: the best classes of every video, as JSON.

`{"results": {video_id: [{"label": name, "score": number}, ...]}}`, best class first.

Source of the format: kenshohara/3D-ResNets-PyTorch, inference.py and util_scripts/eval_accuracy.py.
"""

import json
import math
from collections import Counter
from pathlib import Path

from app.errors import UserError


def names_in_results(index):
    """The name of each row in result files.

    A name that was there before gets a number, as segments of one video may need.

    Args:
        index: `datasets.index.video_index.VideoIndex`.

    Returns:
        List of different names.
    """
    times = Counter()
    names = []
    for row in range(len(index)):
        name = index.video_id(row)
        times[name] += 1
        names.append(name if times[name] == 1 else f"{name}#{times[name]}")
    return names


def best_classes(scores, labels, k):
    """The k best classes of one video, as a result file holds them.

    Args:
        scores: float `[n_classes]`.
        labels: Class names in the order of the scores.
        k: How many classes; all of them where there are fewer.

    Returns:
        List of `{"label", "score"}`, best first; of equal scores the lower class number.
    """
    order = (-scores).argsort(kind="stable")[:k]
    return [{"label": labels[i], "score": float(scores[i])} for i in order]


def result_json(results):
    """The content of a result file.

    Args:
        results: Pairs of video id and its `best_classes`.

    Returns:
        Bytes.
    """
    return json_bytes({"results": dict(results)})


def json_bytes(content, indent=None):
    """A JSON file that people can read; names that are no UTF-8 come back as they were."""
    text = json.dumps(content, indent=indent, ensure_ascii=False) + "\n"
    # What Python writes for half a character is what JSON does.
    return text.encode(errors="backslashreplace")


def read_results(path):
    """Read a result file.

    Args:
        path: The file.

    Returns:
        Dict from video id to its `(class name, score)`, best first.

    Raises:
        UserError: The file cannot be read, or is not of this format.
    """
    content = _read_json(path)
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict):
        raise UserError(f'{path}: not a result file, it has no object "results"')
    return {video_id: _ranked(path, video_id, entries) for video_id, entries in results.items()}


def _read_json(path):
    try:
        # A mark at the beginning, as some editors write it, is no part of the text.
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON file ({error})") from None


def _ranked(path, video_id, entries):
    where = f"{path}, video {video_id!r}"
    if not isinstance(entries, list) or not entries:
        raise UserError(f'{where}: expected a list of {{"label", "score"}}')
    for entry in entries:
        if isinstance(entry, dict) and "segment" in entry:
            raise UserError(
                f"{where}: has scores per segment; write the file again with averaging "
                "(in the original: without --inference_no_average)"
            )
        if not (
            isinstance(entry, dict)
            and isinstance(entry.get("label"), str)
            and type(entry.get("score")) in (int, float)
            and math.isfinite(entry["score"])
        ):
            raise UserError(f'{where}: expected {{"label", "score"}}, found {entry!r:.80}')
    # Stable, as in the original: of equal scores the one that stands first wins.
    ranked = sorted(entries, key=lambda e: -e["score"])
    return [(entry["label"], entry["score"]) for entry in ranked]
