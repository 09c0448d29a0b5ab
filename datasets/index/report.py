"""The readable report of an index: what there is, and what is wrong with it."""

from collections import Counter
from dataclasses import dataclass, field

from datasets.shown import shown


@dataclass
class IndexReport:
    """What indexing found.

    Attributes:
        labels: Class names in output order.
        rows: Number of rows by split; a row is a video or a segment of one.
        videos: Number of different videos, readable or not.
        frames: Frames in all readable videos.
        seconds: Length of all videos that tell their frame rate.
        resolutions: Number of videos by `(width, height)` in pixels.
        codecs: Number of videos by codec name.
        classes: Number of rows by split and label, `{split: [n_classes numbers]}`.
        unreadable: `(path, reason)` of videos that are missing or cannot be read.
        damaged: `(path, reason)` of videos that can be read, but not whole.
        notes: What the reader of the annotation had to say.
        verified: Whether every frame was decoded.
    """

    labels: list[str]
    rows: dict[str, int]
    videos: int = 0
    frames: int = 0
    seconds: float = 0.0
    resolutions: Counter = field(default_factory=Counter)
    codecs: Counter = field(default_factory=Counter)
    classes: dict[str, list[int]] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verified: bool = False

    def add(self, probe):
        """Count one video in."""
        self.videos += 1
        if probe.error:
            self.unreadable.append((probe.path, probe.error))
            return
        if probe.damage:
            self.damaged.append((probe.path, probe.damage))
        self.frames += probe.frames
        self.seconds += probe.frames / probe.fps if probe.fps > 0 else 0
        self.resolutions[probe.width, probe.height] += 1
        self.codecs[probe.codec] += 1

    def text(self, longest_list=None):
        """The report as text.

        Args:
            longest_list: How many entries of a long list are shown; None for all.
        """
        hours, rest = divmod(round(self.seconds), 3600)
        minutes, seconds = divmod(rest, 60)
        splits = ", ".join(f"{split} {n:,}" for split, n in self.rows.items())
        lines = [
            f"videos       {self.videos:,}",
            f"rows         {splits}",
            f"classes      {len(self.labels):,}",
            f"frames       {self.frames:,}",
            f"length       {hours}:{minutes:02d}:{seconds:02d} h",
            f"unreadable   {len(self.unreadable):,}",
            f"damaged      {len(self.damaged):,}"
            + ("" if self.verified else " (seen without decoding; --verify decodes everything)"),
            *(f"note         {note}" for note in self.notes),
        ]
        sizes = [(f"{w}x{h}", f"{n:,}") for (w, h), n in self.resolutions.most_common()]
        codecs = [(codec, f"{n:,}") for codec, n in self.codecs.most_common()]
        counts = [
            (label, "  ".join(f"{n[number]:>7,}" for n in self.classes.values()))
            for number, label in enumerate(self.labels)
        ]
        for title, table in (
            ("resolution", sizes),
            ("codec", codecs),
            (f"class, rows in {', '.join(self.classes)}", counts),
            ("unreadable", sorted(self.unreadable)),
            ("damaged", sorted(self.damaged)),
        ):
            lines += _table(title, table, longest_list)
        # Names from outside may hold anything.
        return "\n".join(map(shown, lines)) + "\n"


def _table(title, table, longest):
    if not table:
        return []
    first = table[:longest]
    width = min(48, max(len(shown(name)) for name, _ in first))
    lines = ["", title, *(f"  {shown(name):<{width}}  {value}" for name, value in first)]
    if len(first) < len(table):
        lines.append(f"  ... and {len(table) - len(first):,} more")
    return lines
