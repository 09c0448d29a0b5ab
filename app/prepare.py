"""python -m app prepare: small copies of all videos that clips come from faster."""

from dataclasses import dataclass
from pathlib import Path

from app.stop_signals import Stopped, stop_signals
from datasets.annotations.formats import load_splits
from datasets.copies.preparing import REPORT_NAME, prepare_copies
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


@dataclass(frozen=True)
class InterruptedPreparation:
    """A preparation that Ctrl-C or SIGTERM ended; copies that are done stay.

    Args:
        folder: Where they are.
        signal_number: The signal.
    """

    folder: Path
    signal_number: int

    @property
    def exit_code(self):
        """128 and the number of the signal."""
        return 128 + self.signal_number

    def __str__(self):
        return f"interrupted; the copies in {self.folder} stay, the same command makes the others"


def prepare(config):
    """Make training copies of the videos of a source.

    Args:
        config: `app.configuration.PrepareConfig`.

    Returns:
        `Prepared`, or `InterruptedPreparation` after Ctrl-C or SIGTERM.

    Raises:
        AnnotationError: The source cannot be read or the copies not be written.
    """
    splits = load_splits(
        config.source, config.annotation, config.split, multi_label=config.multi_label
    )
    folder = Path(config.output)
    try:
        with stop_signals():
            report = prepare_copies(splits, folder, config.short_side, config.workers)
    except Stopped as stop:
        return InterruptedPreparation(folder, stop.signal_number)
    return Prepared(folder, config.annotation, report)
