"""What a resumed run may change, and what must have stayed: its options and its videos."""

from dataclasses import asdict, replace

import numpy as np

from app.errors import UserError
from datasets.index.splits import Splits
from datasets.shown import shown

FIXED_GROUPS = ("model", "data", "clip")
FIXED_OPTIONS = (
    ("train", "seed"),
    ("train", "batch_size"),
    ("train", "precision"),
    ("train", "kernels"),
    ("optim", "accumulate"),
)
# Where the videos are may change; whether they are the same is seen when they are listed.
FREE_OPTIONS = (("data", "videos"), ("data", "annotation"), ("data", "max_failures"))
# What a video's part in the training follows from; the rest is found out when it is opened.
FIXED_COLUMNS = ("label", "first", "last", "first_second", "last_second")


def continued(before, now):
    """The configuration of a continuation; refused with options that would make it another run.

    Args:
        before, now: `FitConfig` of the run so far and of its continuation.

    Returns:
        `FitConfig`: what `now` leaves to be chosen is what it was before.

    Raises:
        UserError: It names the options.
    """
    if now.train.kernels == "auto":
        now = replace(now, train=replace(now.train, kernels=before.train.kernels))
    wanted = [(group, name) for group in FIXED_GROUPS for name in asdict(getattr(now, group))]
    changed = [
        f"--{group}.{name}"
        for group, name in (*wanted, *FIXED_OPTIONS)
        if (group, name) not in FREE_OPTIONS
        and getattr(getattr(now, group), name) != getattr(getattr(before, group), name)
    ]
    if changed:
        raise UserError(
            f"--resume continues the run as it was; {', '.join(changed)} cannot change within a run"
        )
    return now


def check_videos(kept, splits):
    """Refuse to resume with other videos than the run began with, wherever they are now.

    Args:
        kept: The run's list of its videos, as `Splits.save` wrote it.
        splits: `Splits` of today.

    Raises:
        UserError: It says what is different.
    """
    before = Splits.load(kept)
    differences = [
        f"{split}: {difference}"
        for split in ("train", "val")
        for difference in _differences(before[split], splits[split])
    ]
    if differences:
        raise UserError(
            f"--resume continues with the videos the run began with ({kept}), but these are "
            f"others: {'; '.join(differences)}"
        )


def _differences(before, now):
    if before.labels != now.labels:
        missing = [label for label in before.labels if label not in now.labels]
        new = [label for label in now.labels if label not in before.labels]
        yield from _named("class", missing, new)
        if not missing and not new:
            yield "the classes are in another order"
        return
    ids_before, ids_now = list(before.video_ids), list(now.video_ids)
    if ids_before != ids_now:
        known, found = set(ids_before), set(ids_now)
        missing = [name for name in ids_before if name not in found]
        new = [name for name in ids_now if name not in known]
        yield from _named("video", missing, new)
        if not missing and not new:
            yield f"{len(ids_before)} videos before and {len(ids_now)} now, in another order"
        return
    different = np.zeros(len(now), bool)
    for name in FIXED_COLUMNS:
        one, other = getattr(before, name), getattr(now, name)
        different |= ~((one == other) | ((one != one) & (other != other)))
    if before.targets is not None:
        # Whether there are targets at all is an option, and those were compared before.
        different |= (before.targets != now.targets).any(axis=1)
    if different.any():
        names = [ids_now[row] for row in np.flatnonzero(different)]
        yield f"another class or segment of {_some(names)}"


def _named(kind, missing, new):
    if missing:
        yield f"{kind} {_some(missing)} missing"
    if new:
        yield f"{kind} {_some(new)} new"


def _some(names):
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(shown, names[:3])) + more
