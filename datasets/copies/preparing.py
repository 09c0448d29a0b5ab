"""Makes training copies of all videos of a source, in a folder that trains like the source.

report = prepare_copies(load_splits("videos", "ucfTrainTestlist"), "prepared")
print(report.text())
"""

import errno
import json
import os
import time
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from tqdm import tqdm

from datasets.annotations.errors import AnnotationError
from datasets.annotations.files import VIDEO_EXTENSIONS
from datasets.copies.report import PreparationReport
from datasets.copies.training_copy import write_copy
from datasets.cores import available_cores
from datasets.decoding.errors import VideoError
from datasets.durable import open_journal, write_text
from datasets.index.probing import file_state
from datasets.process_pool import call, map_in_processes

JOURNAL_NAME = "copies.jsonl"
REPORT_NAME = "report.txt"
# What is wrong with the disk and not with one video: no other copy could be written either.
FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
# Part of every journal entry: copies made in another way are made anew.
RECIPE = 1


class Copy(NamedTuple):
    """What became of one video.

    Attributes:
        name: The copy, relative to the output folder.
        size: Size of the source in bytes as the file system gives it; with ``modified`` it tells
            whether the copy still holds.
        modified: Time of the source's last change, in nanoseconds.
        short_side: Largest length of the copy's shorter side, in pixels.
        recipe: ``RECIPE`` it was made by.
        frames: Number of frames; 0 where there is no copy.
        damaged: Number of frames that are damaged in the source.
        bytes_before: Size of the source, of a folder with all its frames.
        bytes_after: Size of the copy.
        error: Why there is no copy; empty when there is one.
    """

    name: str
    size: int
    modified: int
    short_side: int
    recipe: int = RECIPE
    frames: int = 0
    damaged: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    error: str = ""


def prepare_copies(splits, output, short_side=128, workers=None, progress=True, share=call):
    """Writes a training copy of every video of a source.

    A copy lies where its original does, as an mp4, so that the same annotation finds it; what
    ``write_copy`` promises makes it stand for the original. Called again with the same folder,
    after an interruption or later, only videos that are new or changed are copied. Videos that
    cannot be read are left out and named in the report.

    Args:
        splits: `Splits`, as `load_splits` gives them.
        output: Folder to write to; made when it does not exist.
        short_side: Length of the shorter side of the copies in pixels; smaller videos stay.
        workers: Number of processes; None takes the cores there are, 1 stays in this process.
        progress: Whether to show a progress bar on a terminal.
        share: Called with `copying(output, short_side, workers)` and pairs of a video and the name
            of its copy, in the place of the former alone: has others do a part of them.

    Returns:
        :class:`PreparationReport`, which is also written to ``report.txt``.

    Raises:
        AnnotationError: The output folder cannot be used, or the source names videos in such a way
            that copies would not be found.
    """
    began = time.monotonic()
    output = os.path.abspath(output)
    copy_of = _copy_names(splits, output)
    try:
        os.makedirs(output, exist_ok=True)
        with open_journal(os.path.join(output, JOURNAL_NAME)) as journal:
            copies = _known_copies(journal, copy_of, output, short_side)
            n_known = len(copies)
            todo = _without_namesakes(copy_of, copies, short_side)
            with tqdm(
                total=len(copy_of),
                initial=len(copies),
                desc="prepare",
                unit="video",
                disable=None if progress else True,
            ) as bar:
                done = share(copying(output, short_side, workers), todo)
                for (path, _), copy in zip(todo, done, strict=True):
                    copies[path] = copy
                    if not copy.error:
                        journal.write(json.dumps(copy) + "\n")
                        journal.flush()
                    bar.update()
            report = PreparationReport(
                copies=copies,
                n_known=n_known,
                notes=splits.notes,
                seconds=time.monotonic() - began,
            )
            write_text(os.path.join(output, REPORT_NAME), report.text())
    except OSError as error:
        raise AnnotationError(f"{output}: cannot be written to: {error}") from error
    return report


def copying(output, short_side=128, workers=None):
    """The work of a preparation, to be called with pairs of a video and the name of its copy.

    Args:
        output, short_side, workers: As of `prepare_copies`.

    Returns:
        What yields the `Copy` of every pair in turn.
    """
    output = os.path.abspath(output)
    return partial(
        map_in_processes,
        partial(_copy_video, output=output, short_side=short_side),
        workers=workers or available_cores(),
        crashed=partial(_crashed, output=output, short_side=short_side),
    )


def _copy_names(splits, output):
    """``{path of a video: name of its copy}`` for all videos, each once."""
    copy_of = {}
    for index in splits.values():
        root = os.path.abspath(index.root)
        real_root = os.path.realpath(root)
        if os.path.commonpath([real_root, os.path.realpath(output)]) == real_root:
            raise AnnotationError(
                f"output {output}: lies in {root}, the folder of the videos; its copies would be "
                "taken for more of them"
            )
        for name in index.paths:
            if os.path.isabs(name) or os.path.normpath(name).split(os.sep)[0] == os.pardir:
                raise AnnotationError(
                    f"{splits.source}: names {name}, which is not inside {root}; copies are found "
                    "by paths relative to the folder of the videos, so name them in this way"
                )
            stem, extension = os.path.splitext(name)
            is_file = extension.lower() in VIDEO_EXTENSIONS
            copy_of[os.path.join(root, name)] = os.path.normpath(
                (stem if is_file else name) + ".mp4"
            )
    return copy_of


def _known_copies(journal, copy_of, output, short_side):
    """``{path: Copy}`` of the copies that are there and still hold."""
    recorded = {}
    for line in journal:
        # Lines that are not ours, or of an older version: as if they were not there.
        with suppress(ValueError, TypeError):
            copy = Copy(*json.loads(line))
            recorded[copy.name] = copy
    known = {}
    for path, name in copy_of.items():
        copy = recorded.get(name)
        if (
            copy is not None
            and (copy.short_side, copy.recipe) == (short_side, RECIPE)
            and (copy.size, copy.modified) == file_state(path)
            and file_state(os.path.join(output, name))[0] == copy.bytes_after
        ):
            known[path] = copy
    return known


def _without_namesakes(copy_of, copies, short_side):
    """The ``(path, copy name)`` to do; of two videos with one name for their copies, the first."""
    todo, first = [], {}
    for path, name in copy_of.items():
        if first.setdefault(name, path) != path:
            error = f"its copy would have the name of that of {first[name]}; rename one of them"
            copies[path] = Copy(name, *file_state(path), short_side, error=error)
        elif path not in copies:
            todo.append((path, name))
    return todo


def _copy_video(task, output, short_side):
    """Makes one copy; whatever is wrong with the video is in the result, not raised."""
    path, name = task
    copy = Copy(name, *file_state(path), short_side)
    target = os.path.join(output, name)
    try:
        if copy.size < 0:
            raise VideoError(path, "there is no such file")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        frames, damaged = write_copy(path, target, short_side)
    except VideoError as error:
        _remove(target)
        # For a folder of frames the error may name one of them.
        within = "" if error.path == path else f"{os.path.basename(error.path)}: "
        return copy._replace(error=within + error.reason)
    except OSError as error:
        if error.errno in FATAL:
            raise
        # A name too long with its new ending, a file where its folder should be.
        _remove(target)
        return copy._replace(error=f"its copy cannot be written: {error.strerror or error}")
    return copy._replace(
        frames=frames,
        damaged=damaged,
        bytes_before=_bytes_of(path),
        bytes_after=os.stat(target).st_size,
    )


def _crashed(task, output, short_side):
    path, name = task
    _remove(os.path.join(output, name))
    error = "the process that copied it was killed, by a crash or for want of memory"
    return Copy(name, *file_state(path), short_side, error=error)


def _remove(target):
    """Removes what an earlier run may have left: a copy of what the video was then."""
    with suppress(OSError):
        os.unlink(target)


def _bytes_of(path):
    if not os.path.isdir(path):
        return os.stat(path).st_size
    with os.scandir(path) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.is_file())
