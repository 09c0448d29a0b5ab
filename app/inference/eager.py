"""The network run by Paddle's eager mode: any device, and the only one with features."""

import paddle
import paddle.nn.functional as F

import models
from app.inference.engine import BATCH_SIZE, Engine


class DynamicEngine(Engine):
    """A network in eager mode, on the device that Paddle is set to.

    Args:
        network: A bare network of ``models.build``.
        description: Its ``NetworkDescription``.
        batch_size: How many clips a call is best given. Sums depend on it in their last digits:
            that of the training gives the losses of its validation.
    """

    def __init__(self, network, description, batch_size=BATCH_SIZE):
        super().__init__(description, f"eager on {paddle.get_device()}", batch_size)
        self.recogniser = recogniser_of(network, description)

    @paddle.no_grad()
    def _scores(self, clips):
        return F.softmax(self.recogniser(paddle.to_tensor(clips)), axis=-1).numpy()

    @paddle.no_grad()
    def _logits(self, clips):
        return self.recogniser(paddle.to_tensor(clips)).numpy()

    @paddle.no_grad()
    def _features(self, clips):
        normalised = self.recogniser.normalisation(paddle.to_tensor(clips))
        return self.recogniser.network.embed(normalised).numpy()


def recogniser_of(network, description):
    """The network behind its normalisation, ready to evaluate.

    Args:
        network: A bare network of ``models.build``.
        description: Its ``NetworkDescription``.

    Returns:
        ``models.Recogniser`` in evaluation mode.
    """
    contract = description.input
    normalisation = models.Normalisation(contract.mean, contract.std, contract.value_range)
    recogniser = models.Recogniser(network, normalisation)
    recogniser.eval()
    return recogniser
