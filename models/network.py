"""What every network family has in common: a trunk, the mean over time and space, a head."""

import functools

import paddle.nn.functional as F
from paddle import nn

from models.recomputing import recomputed


class VideoNetwork(nn.Layer):
    """A bare network, from normalised clips to class scores.

    A subclass adds the layers of its trunk, by their published names and in the order in which
    data goes through them, and then the head.

    Args:
        layers: `models.layers.Layers`, the operations it runs on.
    """

    head_name = "fc"

    def __init__(self, layers):
        super().__init__()
        self.layers = layers
        # What training may ask for; the network as such is the same with and without.
        self.dropout = 0.0
        self.recompute = False

    def add_head(self, features_size, n_classes):
        """Add the linear layer at the end.

        Args:
            features_size: Length of the pooled features.
            n_classes: Number of outputs; 0 for a backbone, which has no head and ends in its
                features.
        """
        self.features_size = features_size
        if n_classes:
            self.add_sublayer(self.head_name, nn.Linear(features_size, n_classes))

    @property
    def head(self):
        """The linear layer at the end; None for a backbone."""
        return getattr(self, self.head_name, None)

    def trunk(self):
        """The layers before the mean: name -> layer, in the order data goes through them."""
        return {name: layer for name, layer in self.named_children() if name != self.head_name}

    def stages(self):
        """The parts that can be trained: name -> layer, in the order data goes through them.

        Returns:
            The trunk without what has no parameters, and the head.
        """
        parts = self.trunk()
        if self.head is not None:
            parts[self.head_name] = self.head
        return {name: layer for name, layer in parts.items() if layer.parameters()}

    def embed(self, x):
        """The pooled features before the head.

        Args:
            x: float32 `[B, C, T, H, W]`, normalised.

        Returns:
            float32 `[B, features_size]`.
        """
        trunk = list(self.trunk().values())
        if self.recompute and self.training:
            trunk = [functools.partial(recomputed, layer) for layer in trunk]
        return self.layers.run(trunk, x)

    def forward(self, x):
        """Class scores before the softmax.

        Args:
            x: float32 `[B, C, T, H, W]`, normalised.

        Returns:
            float32 logits `[B, n_classes]`; of a backbone, the features.
        """
        features = self.embed(x)
        if self.dropout and self.training:
            features = F.dropout(features, self.dropout)
        return features if self.head is None else self.head(features)
