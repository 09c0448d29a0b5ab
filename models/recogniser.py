"""A network with its normalisation in front: uint8 clips in, logits out."""

from paddle import nn


class Recogniser(nn.Layer):
    """What is trained, evaluated and exported.

    Args:
        network: A bare network from `models.build`.
        normalisation: A `models.Normalisation`.
    """

    def __init__(self, network, normalisation):
        super().__init__()
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
