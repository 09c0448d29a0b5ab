"""A network with its normalisation in front: uint8 clips in, logits or scores out."""

import paddle.nn.functional as F
from paddle import nn

# What makes scores of logits: where a clip has one class, and where several may apply.
ACTIVATIONS = {"softmax": F.softmax, "sigmoid": F.sigmoid}


class Recogniser(nn.Layer):
    """What is trained, evaluated and exported.

    Args:
        network: A bare network from `models.build`.
        normalisation: A `models.Normalisation`.
        activation: Which of `ACTIVATIONS` its scores come from.
    """

    def __init__(self, network, normalisation, activation="softmax"):
        super().__init__()
        self.activate = ACTIVATIONS[activation]
        self.normalisation = normalisation
        self.network = network

    def forward(self, clips):
        """
        Args:
            clips: uint8 `[B, 3, T, H, W]` RGB.

        Returns:
            float32 logits `[B, n_classes]`.
        """
        return self.network(self._enter(clips))

    def scores(self, clips):
        """
        Args:
            clips: uint8 `[B, 3, T, H, W]` RGB.

        Returns:
            float32 `[B, n_classes]`, 0 to 1.
        """
        return self.activate(self(clips))

    def embed(self, clips):
        """The pooled features before the head.

        Args:
            clips: uint8 `[B, 3, T, H, W]` RGB.

        Returns:
            float32 `[B, network.features_size]`.
        """
        return self.network.embed(self._enter(clips))

    def _enter(self, clips):
        return self.network.layers.normalise(clips, self.normalisation)
