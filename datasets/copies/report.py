"""The readable report of a preparation: sizes, time, and what is wrong."""

from dataclasses import dataclass, field
from datetime import timedelta

from datasets.shown import shown


@dataclass
class PreparationReport:
    """What preparing did.

    Attributes:
        copies: `Copy` by path of the original, failed ones included.
        n_known: How many of them were there already.
        seconds: How long it took.
        notes: What the reader of the annotation had to say.
    """

    copies: dict
    n_known: int
    seconds: float
    notes: list[str] = field(default_factory=list)

    @property
    def failed(self):
        """``{path: reason}`` of videos without a copy."""
        return {path: copy.error for path, copy in self.copies.items() if copy.error}

    @property
    def damaged(self):
        """``{path: reason}`` of videos whose copies show damage of the original."""
        return {
            path: f"{copy.damaged:,} of {copy.frames:,} frames are damaged"
            for path, copy in self.copies.items()
            if copy.damaged
        }

    @property
    def bytes_before(self):
        """Size of all originals that have a copy."""
        return sum(copy.bytes_before for copy in self.copies.values())

    @property
    def bytes_after(self):
        """Size of all copies."""
        return sum(copy.bytes_after for copy in self.copies.values())

    def text(self, longest_list=None):
        """The report as text.

        Args:
            longest_list: How many entries of a long list are shown; None for all.
        """
        n_copies = len(self.copies) - len(self.failed)
        n_videos = len(self.copies)
        lines = [
            f"copies       {n_copies:,} of {n_videos:,} {'video' if n_videos == 1 else 'videos'}, "
            f"{self.n_known:,} of them made earlier",
            f"left out     {len(self.failed):,}",
            f"damaged      {len(self.damaged):,}",
            f"time         {timedelta(seconds=round(self.seconds))}",
        ]
        if n_copies:
            share = self.bytes_after / self.bytes_before
            lines.append(
                f"size         {_megabytes(self.bytes_before)} before, "
                f"{_megabytes(self.bytes_after)} after: {share:.2f} of it"
            )
        lines += [f"note         {shown(note)}" for note in self.notes]
        for title, reasons in (("left out", self.failed), ("damaged", self.damaged)):
            if reasons:
                lines += ["", title]
                listed = sorted(reasons)[:longest_list]
                lines += [f"  {shown(path)}  {shown(reasons[path])}" for path in listed]
                if longest_list is not None and len(reasons) > longest_list:
                    lines.append(f"  ... and {len(reasons) - longest_list:,} more")
        return "\n".join(lines) + "\n"


def _megabytes(n_bytes):
    return f"{n_bytes / 1e6:,.1f} MB"
