"""What the columns of a list mean, by their header."""

import re
from dataclasses import dataclass

from datasets.annotations.errors import AnnotationError

# What people call the columns, the surest name of each first.
# fmt: off
NAMES = {
    "path": (
        "path", "video_path", "file_path", "filepath", "full_path", "rel_path", "relative_path",
        "clip_path", "frame_dir", "filename", "file_name", "video_file", "file", "video_name",
        "video", "clip_name", "clip", "video_id", "clip_id", "name", "id",
    ),
    "label": (
        "label_name", "class_name", "classname", "action_name", "label", "class", "category",
        "action", "activity", "target", "tag", "labels", "label_id", "class_id", "y",
    ),
    "start": (
        "start", "begin", "start_time", "time_start", "start_s", "start_sec", "start_seconds",
        "start_second", "begin_time", "t_start", "tstart", "from",
    ),
    "end": (
        "end", "stop", "end_time", "time_end", "end_s", "end_sec", "end_seconds", "end_second",
        "stop_time", "t_end", "tend", "to",
    ),
    "frames": (
        "n_frames", "num_frames", "total_frames", "number_of_frames", "frame_count", "nframes",
        "frames",
    ),
    "split": ("split", "subset", "partition", "set", "phase"),
}
# fmt: on
# Columns that would say which part of a video is meant; to leave one out would be wrong.
SEGMENT_WORDS = re.compile(
    r"(?:^|_)(?:start|begin|end|stop|offset|frames?|time(?:stamp)?|duration|length)(?:_|$)"
)
# But not these; the latter are harmless where no start makes them the length of a part.
FRAME_RATE = re.compile(r"frame_?rate")
LENGTH = re.compile(r"(?:.*_)?(?:duration|length)(?:_s(?:ec)?)?")


def is_column_name(word):
    """Whether a word is one that columns are called by."""
    return any(_plain(word) in known for known in NAMES.values())


def _plain(cell):
    return re.sub(r"[^a-z0-9]+", "_", cell.lower()).strip("_")


@dataclass(frozen=True)
class Header:
    """The place of each column that means something.

    Args:
        columns: `{"path": 0, "label": 1, ...}`.
        length: Number of columns, those without a meaning included.
        unused: Names of the latter.
    """

    columns: dict[str, int]
    length: int
    unused: tuple[str, ...] = ()


def read_header(place, cells):
    """What a first row means as a header.

    Args:
        place: File and line, for messages.
        cells: The cells of the row.

    Returns:
        `Header`, or None for a row that names neither path nor label.

    Raises:
        AnnotationError: It names one of them and leaves open which column is the other, or has a
            column that cannot be left out and is not understood.
    """
    names = [_plain(cell) for cell in cells]
    columns = {}
    for role, known in NAMES.items():
        places = [names.index(name) for name in known if name in names]
        if places:
            columns[role] = places[0]
    if not {"path", "label"} & columns.keys():
        return None
    others = [n for n in range(len(cells)) if n not in columns.values()]
    for role in {"path", "label"} - columns.keys():
        if len(others) != 1:
            raise AnnotationError(
                f"{place}: a header without a column for the {role}, found {','.join(cells)!r}; "
                "call the columns path, label, start, end"
            )
        # Whatever it is called, in whatever language.
        columns[role] = others.pop()
    unused = [cells[n] for n in others if cells[n]]
    for n in others:
        is_length = LENGTH.fullmatch(names[n]) and ("start" not in columns or "end" in columns)
        is_harmless = is_length or FRAME_RATE.fullmatch(names[n])
        if SEGMENT_WORDS.search(names[n]) and not is_harmless:
            raise AnnotationError(
                f"{place}: the column {cells[n]!r} is not understood; a part of a video is given "
                "in seconds, in columns start and end"
            )
    return Header(columns, len(cells), tuple(unused))
