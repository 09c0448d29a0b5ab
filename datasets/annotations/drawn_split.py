"""A split drawn by seed that parts no recording, file or person, whatever classes they are in."""

import os
import re
import zlib
from dataclasses import dataclass

import numpy as np

from datasets.annotations.errors import AnnotationError

# UCF-101 cuts several clips (c01, c02, ...) from one recording (g08): v_Archery_g08_c02.avi.
# Clips of one recording on both sides would make the validation accuracy far too good.
UCF_GROUP = r"(.+_g\d+)_c\d+$"
# Up to so many groups that share classes are exchanged with each other to come nearer to the
# wanted shares; among more, the first draw is near enough.
MOST_EXCHANGED = 2000
# Classes that a note names.
MOST_NAMED = 5


@dataclass(frozen=True)
class Draw:
    """How a training and a validation part are drawn.

    Videos that belong together form a group, which stays on one side: the segments of a recording,
    a file under several labels or names, and all whose file names match `group_pattern` alike,
    over all classes. Classes that share no group are drawn by themselves, from a generator of
    their own, so that adding a class does not change the draw of the others. A class of two or
    more groups keeps at least one on each side, unless other classes in its groups forbid it.

    Args:
        val_fraction: Share of the videos of each class to put into validation, as near as whole
            groups allow; between 0 and 1, both excluded.
        group_pattern: Regular expression searched for in the file name without its extension.
            Videos with the same match (the first group of the pattern if it has one) stay
            together; a video without a match is a group of its own.
        seed: Seed of the draw.

    Raises:
        AnnotationError: One of them cannot be used.
    """

    val_fraction: float = 0.2
    group_pattern: str = UCF_GROUP
    seed: int = 0

    def __post_init__(self):
        if not 0 < self.val_fraction < 1:
            raise AnnotationError(
                f"val_fraction is {self.val_fraction}; it must lie between 0 and 1"
            )
        try:
            re.compile(self.group_pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise AnnotationError(
                f"group_pattern {self.group_pattern!r} is no regular expression: {error}"
            ) from error

    def __call__(self, index):
        """Draw.

        Args:
            index: `datasets.index.video_index.VideoIndex` to part.

        Returns:
            bool `[n]`, which rows are for validation, and sentences on what could not be parted.

        Raises:
            AnnotationError: Nothing can be drawn.
        """
        group_of_row = _groups(index, re.compile(self.group_pattern))
        n_of_class = {}
        if index.targets is None:
            labels_of_row = [[label] for label in index.label.tolist()]
        else:
            labels_of_row = [np.flatnonzero(of_row).tolist() for of_row in index.targets]
        for group, labels in zip(group_of_row, labels_of_row, strict=True):
            counts = n_of_class.setdefault(group, {})
            for label in labels:
                counts[label] = counts.get(label, 0) + 1
        drawn, undivided = set(), []
        for classes, groups in _families(n_of_class):
            names = [index.labels[label] if label >= 0 else "" for label in classes]
            key = zlib.crc32("\0".join(names).encode("utf-8", "surrogateescape"))
            generator = np.random.default_rng([self.seed, key])
            shuffled = [groups[i] for i in generator.permutation(len(groups))]
            side = _Side(classes, {group: n_of_class[group] for group in shuffled})
            side.draw(self.val_fraction)
            drawn |= side.drawn
            undivided += [name for name, n in zip(names, side.n_drawn, strict=True) if n == 0]
        if not drawn:
            raise AnnotationError(
                f"{index.root or index.path(0)}: no class has two videos or recordings that can "
                "be parted, so nothing can be drawn for validation; add videos, or give the split "
                "as train/ and val/ folders"
            )
        in_val = np.fromiter((group in drawn for group in group_of_row), bool, len(index))
        return in_val, _notes(undivided, len(set().union(*n_of_class.values())))


def _notes(undivided, n_classes):
    if not undivided:
        return []
    named = ", ".join(sorted(undivided)[:MOST_NAMED])
    more = ", ..." if len(undivided) > MOST_NAMED else ""
    return [
        f"{len(undivided)} of {n_classes} classes have a single video or recording, or none that "
        f"other classes can spare, and are used for training only: {named}{more}"
    ]


def _groups(index, pattern):
    """The name of the group of every row: joined are what matches alike, and what is one file."""
    parents = {}

    def find(key):
        while (parent := parents.setdefault(key, key)) != key:
            # Halving the way keeps it short.
            parents[key] = parents[parent]
            key = parents[key]
        return key

    names = [_name_of(path, pattern) for path in index.paths]
    of_file = {}
    for row, name in enumerate(names):
        group = find(name)
        other = find(of_file.setdefault(_file_of(index.path(row)) or name, name))
        # The lesser name, so that the order of the rows does not matter.
        parents[max(group, other)] = min(group, other)
    return [find(name) for name in names]


def _name_of(path, pattern):
    match = pattern.search(os.path.splitext(os.path.basename(path))[0])
    if match is None:
        return path
    return (match.group(1) if pattern.groups else match.group()) or path


def _file_of(path):
    """What a file is, under whatever names and links; None for one that is not there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None


def _families(n_of_class):
    """Classes that share groups, directly or through others.

    Args:
        n_of_class: `{group: {class: number of videos}}`.

    Yields:
        Sorted classes, and their groups, sorted.
    """
    groups_of_class = {}
    for group, counts in n_of_class.items():
        for label in counts:
            groups_of_class.setdefault(label, []).append(group)
    seen = set()
    for label in sorted(groups_of_class):
        if label in seen:
            continue
        seen.add(label)
        classes, groups, pending = [], set(), [label]
        while pending:
            classes.append(pending.pop())
            for group in groups_of_class[classes[-1]]:
                if group not in groups:
                    groups.add(group)
                    new = n_of_class[group].keys() - seen
                    seen |= new
                    pending += sorted(new)
        yield sorted(classes), sorted(groups)


class _Side:
    """The validation side of some classes, while it is drawn.

    How far it is from what is wanted is the sum, over the classes, of the squared difference
    between the share of their videos that is drawn and the one wanted.

    Args:
        classes: The classes.
        counts: `{group: {class: number of videos}}`, in the order to go through.
    """

    def __init__(self, classes, counts):
        place = {label: n for n, label in enumerate(classes)}
        self.groups = list(counts)
        self.parts = [
            {place[label]: n for label, n in of_group.items()} for of_group in counts.values()
        ]
        self.total = np.zeros(len(classes), np.int64)
        # Groups of each class on the training side.
        self.n_left = np.zeros(len(classes), np.int64)
        for part in self.parts:
            for c, n in part.items():
                self.total[c] += n
                self.n_left[c] += 1
        self.n_drawn = np.zeros(len(classes), np.int64)
        self.is_drawn = np.zeros(len(self.groups), bool)

    @property
    def drawn(self):
        """The groups on this side."""
        return {group for group, here in zip(self.groups, self.is_drawn, strict=True) if here}

    def draw(self, fraction):
        """Choose."""
        self.wanted = fraction * self.total
        for g in range(len(self.groups)):
            if self._can_spare(g) and self._cost(g) < 0:
                self._take(g)
        for c in np.flatnonzero((self.n_drawn == 0) & (self.n_left > 1)).tolist():
            having = [g for g, part in enumerate(self.parts) if c in part and self._can_spare(g)]
            if having and self.n_drawn[c] == 0:
                self._take(min(having, key=self._cost))
        if len(self.total) > 1 and len(self.groups) <= MOST_EXCHANGED:
            self._exchange()

    def _can_spare(self, g):
        """Whether every class of a group keeps another one for training."""
        return not self.is_drawn[g] and all(self.n_left[c] > 1 for c in self.parts[g])

    def _cost(self, g):
        """What taking a group adds to the distance from what is wanted."""
        cost = 0.0
        for c, n in self.parts[g].items():
            off = self.n_drawn[c] - self.wanted[c]
            cost += ((off + n) ** 2 - off**2) / self.total[c] ** 2
        return cost

    def _take(self, g, sign=1):
        self.is_drawn[g] = sign > 0
        for c, n in self.parts[g].items():
            self.n_drawn[c] += sign * n
            self.n_left[c] -= sign

    def _exchange(self):
        """Take, give back or swap groups as long as that comes nearer to what is wanted."""
        shares = np.zeros((len(self.groups), len(self.total)))
        for g, part in enumerate(self.parts):
            for c, n in part.items():
                shares[g, c] = n / self.total[c]
        has = shares > 0
        products = shares @ shares.T
        squares = products.diagonal()
        for _ in range(len(self.groups)):
            off = (self.n_drawn - self.wanted) / self.total
            along = 2 * shares @ off
            n_here = has[self.is_drawn].sum(axis=0)
            can_take = ~self.is_drawn & ~(has & (self.n_left < 2)).any(axis=1)
            can_give = self.is_drawn & ~(has & (n_here < 2)).any(axis=1)
            takes, gives = np.flatnonzero(can_take), np.flatnonzero(self.is_drawn)
            moves = [(squares[g] + along[g], (g,), ()) for g in takes]
            moves += [(squares[g] - along[g], (), (g,)) for g in np.flatnonzero(can_give)]
            if len(takes) and len(gives):
                swaps = squares[takes, None] + along[takes, None] + squares[gives] - along[gives]
                swaps -= 2 * products[np.ix_(takes, gives)]
                for place in np.argsort(swaps, axis=None, kind="stable")[:100]:
                    take, give = (int(n) for n in np.unravel_index(place, swaps.shape))
                    # What is given away must stay with a group that is here, or comes.
                    kept = n_here - has[gives[give]] + has[takes[take]]
                    if (kept[has[gives[give]]] > 0).all():
                        moves.append((swaps[take, give], (takes[take],), (gives[give],)))
                        break
            cost, taken, given = min(moves, key=lambda move: move[0], default=(0, (), ()))
            if cost > -1e-9:
                return
            for g in taken:
                self._take(g)
            for g in given:
                self._take(g, -1)
