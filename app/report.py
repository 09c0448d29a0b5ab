"""python -m app report: one page that shows what ran, how it went and where it is wrong.

python -m app report runs/mine --explain
python -m app report runs/mine runs/other --output comparison.html
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from app.configuration import ReportConfig
from app.errors import UserError
from app.reporting.explaining import Explaining
from app.reporting.page import render
from app.reporting.run_record import read_run
from weights.durable import write_atomically

NAME = "report.html"


@dataclass(frozen=True)
class WrittenReport:
    """A report.

    Args:
        path: The HTML file; it opens from the disk, without a network.
        size: Its size in bytes.
    """

    path: Path
    size: int

    def __str__(self):
        return f"report: {self.path} ({self.size / 1e6:.1f} MB, opens in any browser)"


def refresh(run):
    """Bring the page in a run folder up to date; what cannot be shown does not end anything.

    Args:
        run: The run folder.
    """
    try:
        report(ReportConfig([str(run)]))
    except UserError as error:
        print(f"no {NAME}: {error}", file=sys.stderr)


def report(config):
    """Write the report of one or several runs.

    Args:
        config: `app.configuration.ReportConfig`.

    Returns:
        `WrittenReport`.

    Raises:
        UserError: A run cannot be read, or the file not be written.
    """
    runs = [read_run(folder) for folder in config.runs]
    path = Path(config.output or Path(config.runs[0]) / NAME)
    explaining = Explaining() if config.explain else None
    text = render(runs, explaining).encode("utf-8", "backslashreplace")
    try:
        write_atomically(path, lambda file: file.write(text))
    except OSError as error:
        raise UserError(f"--output {path}: cannot be written: {error.strerror}") from None
    return WrittenReport(path, len(text))
