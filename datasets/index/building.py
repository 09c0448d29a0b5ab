"""Makes an index: looks into every video of a source once and writes down what it finds.

report = build_index(load_splits("videos", "ucfTrainTestlist"), "index")
print(report.text())
"""

import json
import os
from dataclasses import replace
from functools import partial

import numpy as np
from tqdm import tqdm

from datasets.annotations.errors import AnnotationError
from datasets.cores import available_cores
from datasets.decoding.packet_index import PacketIndex
from datasets.decoding.packet_index_store import DATA_NAME, file_key, write_table
from datasets.durable import InUseError, open_journal, write_text
from datasets.index.probing import Probe, file_state, probe_video
from datasets.index.report import IndexReport
from datasets.index.video_index import INDEX_NAME
from datasets.process_pool import call, map_in_processes

PROBES_NAME = "probes.jsonl"
REPORT_NAME = "report.txt"


def build_index(splits, output, workers=None, verify=False, progress=True, share=call):
    """Probe every video of a source and write `index.npz`, its packet indexes and a report.

    Each result goes at once to `probes.jsonl` in the output folder. Called again with the same
    folder, after an interruption or later, only videos that are new or changed are probed.

    Videos that are missing or cannot be read stay in the index and are named in the report.

    Args:
        splits: `Splits`, as `load_splits` gives them.
        output: Folder to write to; made when it does not exist.
        workers: Number of processes; None takes the cores there are, 1 stays in this process.
        verify: Whether to decode every frame instead of reading packets only.
        progress: Whether to show a progress bar on a terminal.
        share: Called with `probing(workers, verify)` and the paths, in the place of the former
            alone: has others do a part of them.

    Returns:
        `IndexReport`.

    Raises:
        AnnotationError: The output folder cannot be written to.
    """
    output = os.fspath(output)
    try:
        os.makedirs(output, exist_ok=True)
        with (
            open_journal(os.path.join(output, PROBES_NAME)) as journal,
            open(os.path.join(output, DATA_NAME), "ab") as packet_indexes,
        ):
            # Absolute, so that the index holds wherever it is read from.
            splits = splits.changed(lambda i: replace(i, root=os.path.abspath(i.root)))
            wanted = dict.fromkeys(
                index.path(row) for index in splits.values() for row in range(len(index))
            )
            probes = _known_probes(journal, wanted, verify, packet_indexes.tell())
            todo = [path for path in wanted if path not in probes]
            with tqdm(
                total=len(wanted),
                initial=len(probes),
                desc="index",
                unit="video",
                disable=None if progress else True,
            ) as bar:
                for probe, frames in share(probing(workers, verify), todo):
                    if frames is not None:
                        at = packet_indexes.tell()
                        probe = probe._replace(frames_at=at, frames_bytes=len(frames))
                        # Before the journal says that they are there.
                        packet_indexes.write(frames)
                        packet_indexes.flush()
                    journal.write(json.dumps(probe) + "\n")
                    journal.flush()
                    probes[probe.path] = probe
                    bar.update()
            # Still locked: these files are one with the journal.
            made = _divided(splits.changed(lambda index: _filled(index, probes)))
            made.save(os.path.join(output, INDEX_NAME))
            write_table(
                output,
                (
                    (file_key(probe.path, probe.size, probe.modified), *place)
                    for probe in probes.values()
                    if (place := (probe.frames_at, probe.frames_bytes))[1]
                ),
            )
            report = _report(made, probes, verify)
            write_text(os.path.join(output, REPORT_NAME), report.text())
    except InUseError:
        raise AnnotationError(
            f"{output}: another process is making this index; wait for it, or name another folder"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise AnnotationError(f"{output}: cannot be written to: {reason}") from error
    return report


def _divided(splits):
    """With a drawn split where none is given, so that it stays as the report says; or without."""
    try:
        return splits.divided()
    except AnnotationError as error:
        splits.notes.append(str(error))
        return splits


def _known_probes(journal, wanted, verify, n_frame_bytes):
    """`{path: Probe}` of the wanted videos that have not changed since they were probed."""
    known = {}
    for line in journal:
        try:
            probe = Probe(*json.loads(line))
        except (ValueError, TypeError):
            continue  # Not ours, or of an older version: probed again.
        # Packet indexes that an older version did not keep, or that a crash or a hand took away,
        # must be found out again; only what is no readable file has none.
        has_none = probe.error or probe.codec == "images"
        there = has_none or 0 < probe.frames_bytes <= n_frame_bytes - probe.frames_at
        if probe.path in wanted and there and (probe.verified or not verify):
            known[probe.path] = probe
    return {
        path: probe
        for path, probe in known.items()
        if file_state(path) == (probe.size, probe.modified)
    }


def probing(workers=None, verify=False):
    """The work of an index, to be called with a list of paths.

    Args:
        workers, verify: As of `build_index`.

    Returns:
        What yields, of every path in turn, its `Probe` and the bytes of its packet index or None.
    """
    return partial(
        map_in_processes,
        partial(_probe_with_frames, verify=verify),
        workers=workers or available_cores(),
        crashed=partial(_crashed, verify=verify),
        chunk=8,
    )


def _probe_with_frames(path, verify):
    frames = _OneFrameIndex()
    return probe_video(path, verify=verify, packet_indexes=frames), frames.data


class _OneFrameIndex:
    """Stands in for a `PacketIndexStore` while one video is probed, and keeps what was built."""

    data = None

    def get(self, path):
        index = PacketIndex.build(path)
        self.data = index.to_bytes()
        return index


def _crashed(path, verify):
    error = "the process that read it was killed, by a crash or for want of memory"
    return Probe(path, *file_state(path), verified=verify, error=error), None


def _filled(index, probes):
    """An index with frame counts and rates filled in."""
    found = [probes[index.path(row)] for row in range(len(index))]
    return replace(
        index,
        frame_count=np.array([probe.frames or -1 for probe in found], np.int64),
        fps=np.array([probe.fps or np.nan for probe in found], np.float32),
    )


def _report(splits, probes, verify):
    labels = splits.labels
    report = IndexReport(
        labels,
        rows={split: len(index) for split, index in splits.items()},
        classes={split: index.videos_of_classes().tolist() for split, index in splits.items()},
        notes=splits.notes,
        verified=verify,
    )
    for probe in probes.values():
        report.add(probe)
    return report
