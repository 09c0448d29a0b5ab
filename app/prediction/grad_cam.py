"""Where in space and time a network sees a class: Grad-CAM, for any family."""

import paddle
import paddle.nn.functional as F

from app.device import choose_device
from app.errors import UserError
from app.trained import require_classes
from weights.files import load_network

# Cells in time and on a side that a map must have to show anything.
LEAST_TIMES, LEAST_PLACES = 4, 7


class GradCam:
    """Maps of a trained network.

    The channels of a map in the network are weighted with the mean gradient of the class's logit,
    and what speaks for the class is kept. The map is the last one that still tells places and
    times apart: before the mean, a clip of 16 frames is often one moment of four by four cells.
    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", ICCV 2017.

    Args:
        recogniser: `models.Recogniser` on plain layers.
    """

    def __init__(self, recogniser):
        self._recogniser = recogniser
        recogniser.eval()

    @classmethod
    def open(cls, trained, device):
        """Load a network.

        Args:
            trained: `app.trained.Trained`.
            device: As of `open_engine`.

        Raises:
            UserError: It is exported, or has no classes.
        """
        if trained.is_exported:
            raise UserError(
                f"{trained.folder}: an exported model has no gradients; name the run folder or "
                "the weight file for --explain"
            )
        require_classes(trained)
        choose_device(device)
        network, _ = load_network(trained.weights)
        return cls(trained.description.recogniser(network))

    def __call__(self, clips, number):
        """Explain one class.

        Args:
            clips: uint8 `[N, 3, T, S, S]` RGB.
            number: Number of the class.

        Returns:
            float32 `[N, T', S', S']`, 0 and above, as coarse as a map inside of the network; and
            float32 `[N]`, the scores of the class.
        """
        network = self._recogniser.network
        chosen, rest = self._last_fine_map(clips)
        chosen.stop_gradient = False
        x = chosen
        for layer in rest:
            x = layer(x)
        logits = network.head(network.layers.global_mean(x))
        (gradient,) = paddle.grad(logits[:, number].sum(), chosen)
        weights = gradient.mean(axis=[2, 3, 4], keepdim=True)
        maps = F.relu((weights * chosen).sum(axis=1))
        return maps.numpy(), self._recogniser.activate(logits)[:, number].numpy()

    @paddle.no_grad()
    def _last_fine_map(self, clips):
        """The map to explain by, `[N, C, T', S', S']`, and the layers of the trunk behind it."""
        network, normalisation = self._recogniser.network, self._recogniser.normalisation
        layers, trunk = network.layers, list(network.trunk().values())
        x = layers.enter(layers.normalise(paddle.to_tensor(clips), normalisation))
        n_times = min(LEAST_TIMES, x.shape[2])
        chosen, n_before = None, len(trunk)
        for number, layer in enumerate(trunk, 1):
            x = layer(x)
            if x.shape[2] >= n_times and min(x.shape[3:]) >= LEAST_PLACES:
                chosen, n_before = x, number
        return x if chosen is None else chosen, trunk[n_before:]
