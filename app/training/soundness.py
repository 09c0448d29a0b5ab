"""Whether a training is still sound, and what its checkpoints are worth when it is no longer."""

import math

import numpy as np

from app.checkpoints import newest_first
from weights.checkpoint_folder import read_manifest
from weights.errors import WeightsError

# Far beyond what any training comes to that still learns something.
LARGEST_WEIGHT = 1e4
LARGEST_LOSS_OVER_GUESSING = 10


def judge(parameters, loss, n_classes):
    """What a checkpoint's manifest says of the training.

    Args:
        parameters: The trained arrays of the network.
        loss: Mean loss of the last batch, or NaN where there was none.
        n_classes: Number of classes; guessing among them has the loss `log(n_classes)`.

    Returns:
        `loss` and `largest_weight`, each None where it is no finite number, and `sound`.
    """
    # Of numpy, whose maximum of anything and NaN is NaN.
    largest = float(np.max([np.abs(array).max() for array in parameters]))
    guessing = math.log(max(2, n_classes))
    # No loss is known right after a resume: that is no reason for doubt.
    sound_loss = math.isnan(loss) or loss <= LARGEST_LOSS_OVER_GUESSING * guessing
    return {
        "loss": loss if math.isfinite(loss) else None,
        "largest_weight": largest if math.isfinite(largest) else None,
        "sound": bool(largest <= LARGEST_WEIGHT and sound_loss),
    }


def describe_checkpoints(folder):
    """One line on the last checkpoint, and on the last sound one where that is another.

    Args:
        folder: Where the checkpoints are.
    """
    names = newest_first(folder)
    if not names:
        return "there is no checkpoint yet"
    last = f"the last checkpoint is {_describe(folder, names[0])}"
    if _is_sound(folder, names[0]):
        return last
    sound = next((name for name in names if _is_sound(folder, name)), None)
    if sound is None:
        return f"{last}: it has diverged as well, and no other is sound"
    later = " ".join(str(folder / name) for name in names[: names.index(sound)])
    return (
        f"{last}: it has diverged as well; sound is {_describe(folder, sound)}; to go on from "
        f"there, remove {later}"
    )


def _describe(folder, name):
    try:
        facts = read_manifest(folder / name)
    except WeightsError:
        return f"{name}, which is damaged"
    words = f"{name} at step {facts['position'][2]}"
    if "sound" not in facts:
        return words
    largest, loss = facts["largest_weight"], facts["loss"]
    weights = "not all finite" if largest is None else f"finite, none beyond {largest:.2g}"
    return f"{words} (loss {'unknown' if loss is None else f'{loss:.3g}'}, weights {weights})"


def _is_sound(folder, name):
    try:
        return read_manifest(folder / name).get("sound", True)
    except WeightsError:
        return False
