"""What every engine is."""

from abc import ABC, abstractmethod

import numpy as np


class Engine(ABC):
    """A trained network, ready to score clips.

    Args:
        description: ``weights.description.NetworkDescription``: the labels, and what clips the
            network wants.
        name: How it computes, in a few words for the user.

    Attributes:
        description: As given.
        name: As given.
    """

    def __init__(self, description, name):
        self.description = description
        self.name = name

    @property
    def labels(self):
        """Class names in the order of the scores; their numbers where nobody knows the names."""
        if self.description.labels is not None:
            return self.description.labels
        return tuple(f"class {number}" for number in range(self.description.options["n_classes"]))

    def scores(self, clips):
        """Class probabilities.

        Args:
            clips: uint8 ``[N, 3, T, S, S]`` RGB.

        Returns:
            float32 ``[N, n_classes]``, after the softmax.
        """
        return self._scores(_checked(clips))

    def features(self, clips):
        """Pooled embeddings, what the network knows before its head.

        Args:
            clips: uint8 ``[N, 3, T, S, S]`` RGB.

        Returns:
            float32 ``[N, D]``: D is 512 for depths up to 34 and 2048 above, times the widen
            factor.

        Raises:
            UserError: This engine has the scores only.
        """
        return self._features(_checked(clips))

    @abstractmethod
    def _scores(self, clips):
        """As ``scores``, on clips that are in order."""

    @abstractmethod
    def _features(self, clips):
        """As ``features``, on clips that are in order."""


def _checked(clips):
    clips = np.ascontiguousarray(clips)
    if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[1] != 3 or 0 in clips.shape:
        raise ValueError(
            f"clips must be uint8 [N, 3, T, H, W], not {clips.dtype} {list(clips.shape)}"
        )
    return clips
