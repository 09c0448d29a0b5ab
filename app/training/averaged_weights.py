"""An exponential moving average of the weights, which validates better than the last ones."""

from contextlib import contextmanager

import paddle


class AveragedWeights:
    """Follows the tensors of a network: trained parameters and BatchNorm's statistics.

    Args:
        network: The bare network.
        decay: Share of the average that stays at every update. In the first updates it is smaller,
            so that the random start is soon forgotten.

    Source: Polyak averaging as Tan and Le, "EfficientNet", ICML 2019, use it.
    """

    def __init__(self, network, decay):
        self.decay = decay
        self._tensors = network.state_dict()
        self._averages = {name: tensor.clone() for name, tensor in self._tensors.items()}

    @paddle.no_grad()
    def update(self, step):
        """Take the weights after an optimizer update in.

        Args:
            step: Number of updates so far, this one included.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, average in self._averages.items():
            average.scale_(decay)
            average.add_(self._tensors[name] * (1 - decay))

    @contextmanager
    def in_place(self):
        """Put the averages into the network for the length of the block."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def state_dict(self):
        """Name -> tensor of the averages."""
        return self._averages

    def set_state_dict(self, state):
        """Take over averages that were saved: name -> array or tensor."""
        for name, average in self._averages.items():
            average.set_value(state[name])

    @paddle.no_grad()
    def _exchange(self):
        for name, average in self._averages.items():
            kept = self._tensors[name].clone()
            self._tensors[name].set_value(average)
            average.set_value(kept)
