"""What every engine is."""

from abc import ABC, abstractmethod

import numpy as np

# Clips per step where nothing else suggests a number: more are hardly faster on a CPU, and cost
# memory.
BATCH_SIZE = 8


class Engine(ABC):
    """A trained network, ready to score clips.

    Args:
        description: `weights.description.NetworkDescription`: the labels, and what clips the
            network wants.
        name: How it computes, in a few words for the user.
        batch_size: How many clips a call is best given.

    Attributes:
        description: As given.
        name: As given.
        batch_size: As given.
    """

    def __init__(self, description, name, batch_size=BATCH_SIZE):
        self.description = description
        self.name = name
        self.batch_size = batch_size

    @property
    def labels(self):
        """Class names in the order of the scores; their numbers where nobody knows the names."""
        if self.description.labels is not None:
            return self.description.labels
        return tuple(f"class {number}" for number in range(self.description.options["n_classes"]))

    def scores(self, clips):
        """Class probabilities; where several may apply, each by itself.

        Args:
            clips: uint8 `[N, 3, T, S, S]` RGB.

        Returns:
            float32 `[N, n_classes]`, 0 to 1.
        """
        return self._scores(_checked(clips))

    def logits(self, clips):
        """What the scores are made of; before a softmax, up to a constant for each clip.

        Args:
            clips: uint8 `[N, 3, T, S, S]` RGB.

        Returns:
            float32 `[N, n_classes]`.
        """
        return self._logits(_checked(clips))

    def features(self, clips):
        """Pooled embeddings, what the network knows before its head.

        Args:
            clips: uint8 `[N, 3, T, S, S]` RGB.

        Returns:
            float32 `[N, D]`; D is the `features_size` of the network.

        Raises:
            UserError: This engine has the scores only.
        """
        return self._features(_checked(clips))

    @abstractmethod
    def _scores(self, clips):
        """As `scores`, on clips that are in order."""

    def _logits(self, clips):
        """As `logits`; where there is nothing but the scores, from them.

        Scores of a sigmoid cannot tell logits above 16 apart.
        """
        limits = np.finfo(np.float32)
        scores = self._scores(clips)
        logits = np.log(np.maximum(scores, limits.tiny))
        if self.description.activation == "sigmoid":
            logits -= np.log(np.maximum(1 - scores, limits.epsneg))
        return logits

    @abstractmethod
    def _features(self, clips):
        """As `features`, on clips that are in order."""


def _checked(clips):
    clips = np.ascontiguousarray(clips)
    if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[1] != 3 or 0 in clips.shape:
        raise ValueError(
            f"clips must be uint8 [N, 3, T, H, W], not {clips.dtype} {list(clips.shape)}"
        )
    return clips
