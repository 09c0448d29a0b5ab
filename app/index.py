"""python -m app index: look into every video once."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.processes import Processes, seen
from app.stop_signals import Interrupted, Stopped, stop_signals
from datasets.annotations.formats import load_splits
from datasets.index.building import build_index, probing
from datasets.index.report import IndexReport

# Lines of a list that the screen gets; report.txt has them all.
LONGEST_LIST = 20


@dataclass(frozen=True)
class BuiltIndex:
    """An index and what it found.

    Args:
        folder: Where it is.
        report: `datasets.index.report.IndexReport`.
    """

    folder: Path
    report: IndexReport

    @property
    def exit_code(self):
        """0, or 1 when videos cannot be read."""
        return int(bool(self.report.unreadable))

    def __str__(self):
        return (
            f"{self.report.text(LONGEST_LIST).rstrip()}\n\n"
            f"the index: {self.folder}\n"
            f"train on it: python -m app fit --data.annotation {self.folder}"
        )


def index(config):
    """Probe every video of a source.

    Args:
        config: `app.configuration.IndexConfig`.

    Returns:
        `BuiltIndex`, or `Interrupted` after Ctrl-C or SIGTERM; or `app.processes.Helped` in all
        processes but the first.

    Raises:
        AnnotationError: The source cannot be read or the index not be written.
    """
    with Processes("the same command goes on") as processes:
        if processes.rank > 0:
            return processes.help(probing(config.workers, config.verify), seen)
        splits = load_splits(
            config.source,
            config.annotation,
            config.split,
            config.val_fraction,
            config.group_pattern,
            config.seed,
            multi_label=config.multi_label,
        )
        folder = Path(config.output)
        share = partial(processes.share, facts=seen)
        try:
            with stop_signals():
                report = build_index(splits, folder, config.workers, config.verify, share=share)
        except Stopped as stop:
            kept = f"interrupted; what {folder} knows of videos stays, the same command goes on"
            return Interrupted(kept, stop.signal_number)
    return BuiltIndex(folder, report)
