"""Makes an index: looks into every video of a source once and writes down what it finds.

report = build_index(load_splits("videos", "ucfTrainTestlist"), "index")
print(report.text())
"""

import json
import os
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait

import numpy as np
from tqdm import tqdm

from datasets.index import SourceError, Splits
from datasets.index_report import IndexReport
from datasets.probing import Probe, file_state, probe_video
from datasets.sources.index_file import INDEX_NAME

PROBES_NAME = "probes.jsonl"
REPORT_NAME = "report.txt"
# A fresh interpreter per worker: a fork would copy the threads' locks of whatever is loaded.
START_METHOD = "spawn"
# Videos handed out per worker before the next are: bounds what a crash makes us look at again.
BATCH = 256


def build_index(splits, output, workers=None, verify=False, progress=True, frame_indices=None):
    """Probes every video of a source and writes ``index.npz`` and ``report.txt``.

    Each result goes at once to ``probes.jsonl`` in the output folder. Called again with the same
    folder, after an interruption or later, only videos that are new or changed are probed.

    Videos that are missing or cannot be read stay in the index and are named in the report.

    Args:
        splits: :class:`datasets.index.Splits`, as ``datasets.sources.load_splits`` gives them.
        output: Folder to write to; made when it does not exist.
        workers: Number of processes; None takes the cores there are, 1 stays in this process.
        verify: Whether to decode every frame instead of reading packets only.
        progress: Whether to show a progress bar on a terminal.
        frame_indices: A ``FrameIndexCache`` to leave the frame index of every file in.

    Returns:
        :class:`IndexReport`.

    Raises:
        SourceError: The output folder cannot be written to.
    """
    workers = workers or len(os.sched_getaffinity(0))
    output = os.fspath(output)
    try:
        os.makedirs(output, exist_ok=True)
        with _open_journal(os.path.join(output, PROBES_NAME)) as journal:
            indexes = {
                # Absolute, so that the index holds wherever it is read from.
                split: replace(index, root=os.path.abspath(index.root))
                for split, index in splits.items()
            }
            wanted = dict.fromkeys(
                index.path(row) for index in indexes.values() for row in range(len(index))
            )
            probes = _known_probes(journal, wanted, verify)
            todo = [path for path in wanted if path not in probes]
            with tqdm(
                total=len(wanted),
                initial=len(probes),
                desc="index",
                unit="video",
                disable=None if progress else True,
            ) as bar:
                for probe in _probe_all(todo, workers, verify, frame_indices):
                    journal.write(json.dumps(probe) + "\n")
                    journal.flush()
                    probes[probe.path] = probe
                    bar.update()
        made = Splits(splits.source, _filled(indexes, probes), splits.notes)
        made.save(os.path.join(output, INDEX_NAME))
        report = _report(made, probes, verify)
        _write_text(os.path.join(output, REPORT_NAME), report.text())
    except OSError as error:
        raise SourceError(f"{output}: cannot be written to: {error}") from error
    return report


@contextmanager
def _open_journal(path):
    """The journal of probes, open for reading and appending, without a half-written last line."""
    with open(path, "a+", encoding="ascii", errors="replace") as journal:
        journal.seek(0)
        complete = 0
        while (line := journal.readline()).endswith("\n"):
            complete = journal.tell()
        if line:
            journal.truncate(complete)
        yield journal


def _known_probes(journal, wanted, verify):
    """``{path: Probe}`` of the wanted videos that have not changed since they were probed."""
    journal.seek(0)
    known = {}
    for line in journal:
        try:
            probe = Probe(*json.loads(line))
        except (ValueError, TypeError):
            continue  # Not ours, or of an older version: probed again.
        if probe.path in wanted and (probe.verified or not verify):
            known[probe.path] = probe
    return {
        path: probe
        for path, probe in known.items()
        if file_state(path) == (probe.size, probe.modified)
    }


def _probe_all(paths, workers, verify, frame_indices):
    """Yields the :class:`Probe` of every path."""
    probe = partial(probe_video, verify=verify, frame_indices=frame_indices)
    if workers == 1 or len(paths) < 2:
        yield from map(probe, paths)
        return
    pool = _new_pool(workers)
    try:
        for begin in range(0, len(paths), BATCH * workers):
            batch = paths[begin : begin + BATCH * workers]
            left = dict.fromkeys(batch)
            try:
                for found in pool.map(probe, batch, chunksize=8):
                    del left[found.path]
                    yield found
            except BrokenProcessPool:
                pool.shutdown()
                yield from _probe_singly(probe, left)
                pool = _new_pool(workers)
    finally:
        pool.shutdown(cancel_futures=True)


def _probe_singly(probe, paths):
    """Yields the probes of videos one of which ended its process, and tells which."""
    pool = _new_pool(1)
    try:
        for path in paths:
            try:
                yield pool.submit(probe, path).result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = _new_pool(1)
                error = "the process that read it was killed, by a crash or for want of memory"
                yield Probe(path, *file_state(path), verified=probe.keywords["verify"], error=error)
    finally:
        pool.shutdown(cancel_futures=True)


def _new_pool(workers):
    return ProcessPoolExecutor(
        workers, mp_context=get_context(START_METHOD), initializer=_end_with_parent
    )


def _end_with_parent():
    """Ties a worker's life to its parent's: killed, the parent cannot tell it to stop."""

    def watch():
        wait([parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _filled(indexes, probes):
    """The indexes with frame counts and rates filled in."""
    filled = {}
    for split, index in indexes.items():
        found = [probes[index.path(row)] for row in range(len(index))]
        filled[split] = replace(
            index,
            frame_count=np.array([probe.frames or -1 for probe in found], np.int64),
            fps=np.array([probe.fps or np.nan for probe in found], np.float32),
        )
    return filled


def _report(splits, probes, verify):
    labels = next(iter(splits.values())).labels
    report = IndexReport(
        labels,
        rows={split: len(index) for split, index in splits.items()},
        classes={
            split: np.bincount(index.label[index.label >= 0], minlength=len(labels)).tolist()
            for split, index in splits.items()
        },
        notes=splits.notes,
        verified=verify,
    )
    for probe in probes.values():
        report.add(probe)
    return report


def _write_text(path, text):
    """Writes a text file: complete or not at all."""
    with tempfile.NamedTemporaryFile(
        "w",
        dir=os.path.dirname(path),
        suffix=".partial",
        delete=False,
        encoding="utf-8",
        errors="surrogateescape",
    ) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
