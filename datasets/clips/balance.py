"""How often the videos of rare and of frequent classes are visited in an epoch."""

import numpy as np

# Exponent of a class's number of videos in how often the class is drawn.
EXPONENTS = {"none": 1.0, "sqrt": 0.5, "equal": 0.0}


def balanced_order(labels, balance, generator):
    """The videos of one epoch, in random order: as many as there are, some of them repeatedly.

    A class of n videos is visited in proportion to n ("none": every video once), to its square
    root ("sqrt"), or as often as any other ("equal"). Within a class no video is visited twice
    more often than another.

    Args:
        labels: int `[n_videos]`, the class of each video.
        balance: "none", "sqrt" or "equal".
        generator: `numpy.random.Generator`.

    Returns:
        int64 `[n_videos]`, rows.

    Source: Mahajan et al., "Exploring the Limits of Weakly Supervised Pretraining", ECCV 2018, for
    the square root.
    """
    order = generator.permutation(len(labels))
    if balance == "none":
        return order
    _, class_of, counts = np.unique(labels, return_inverse=True, return_counts=True)
    visits = counts ** (EXPONENTS[balance] - 1.0)
    visits *= len(labels) / (visits * counts).sum()
    # Systematic sampling: class after class, so that each gets its share to within one visit.
    by_class = order[np.argsort(class_of[order], kind="stable")]
    ends = np.cumsum(visits[class_of[by_class]])
    # The sum is the number of videos but for rounding, which must not lose the last one.
    ends[-1] = len(labels)
    times = np.diff(np.floor(ends + generator.random()).astype(int), prepend=0)
    rows = np.repeat(by_class, times)[: len(labels)]
    return generator.permutation(rows)
