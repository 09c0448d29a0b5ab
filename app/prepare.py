"""python -m app prepare: small copies of all videos that clips come from faster."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.processes import Processes, seen
from app.stop_signals import Interrupted, Stopped, stop_signals
from datasets.annotations.formats import load_splits
from datasets.copies.preparing import JOURNAL_NAME, REPORT_NAME, copying, prepare_copies
from datasets.copies.report import PreparationReport

# Lines of a list that the screen gets; report.txt has them all.
LONGEST_LIST = 20


@dataclass(frozen=True)
class Prepared:
    """Training copies and what there is to say of them.

    Args:
        folder: Where they are.
        annotation: The annotation they were made with, or None.
        report: `datasets.copies.report.PreparationReport`.
    """

    folder: Path
    annotation: str | None
    report: PreparationReport

    @property
    def exit_code(self):
        """0, or 1 when videos could not be copied."""
        return int(bool(self.report.failed))

    def __str__(self):
        annotation = f" --data.annotation {self.annotation}" if self.annotation else ""
        return (
            f"{self.report.text(LONGEST_LIST).rstrip()}\n\n"
            f"this report: {self.folder / REPORT_NAME}\n"
            f"train on them: python -m app fit --data.videos {self.folder}{annotation}"
        )


def prepare(config):
    """Make training copies of the videos of a source.

    Args:
        config: `app.configuration.PrepareConfig`.

    Returns:
        `Prepared`, or `Interrupted` after Ctrl-C or SIGTERM; or `app.processes.Helped` in all
        processes but the first.

    Raises:
        AnnotationError: The source cannot be read or the copies not be written.
    """
    folder = Path(config.output)

    def facts(tasks):
        # The journal tells whether all write into the same folder.
        return seen([folder / JOURNAL_NAME, *(video for video, _ in tasks)])

    with Processes("the same command goes on") as processes:
        if processes.rank > 0:
            work = copying(folder, config.short_side, config.workers)
            return processes.help(work, facts)
        splits = load_splits(
            config.source, config.annotation, config.split, multi_label=config.multi_label
        )
        share = partial(processes.share, facts=facts)
        try:
            with stop_signals():
                report = prepare_copies(
                    splits, folder, config.short_side, config.workers, share=share
                )
        except Stopped as stop:
            kept = f"interrupted; the copies in {folder} stay, the same command makes the others"
            return Interrupted(kept, stop.signal_number)
    return Prepared(folder, config.annotation, report)
