"""The network run by Paddle's eager mode: any device, and the only one with features."""

import paddle

from app.inference.engine import BATCH_SIZE, Engine


class DynamicEngine(Engine):
    """A network in eager mode, on the device that Paddle is set to.

    Args:
        network: A bare network of `models.build`.
        description: Its `NetworkDescription`.
        batch_size: How many clips a call is best given. Sums depend on it in their last digits:
            that of the training gives the losses of its validation.
    """

    def __init__(self, network, description, batch_size=BATCH_SIZE):
        super().__init__(description, f"eager on {paddle.get_device()}", batch_size)
        self.recogniser = description.recogniser(network)
        self.recogniser.eval()

    @paddle.no_grad()
    def _scores(self, clips):
        return self.recogniser.scores(paddle.to_tensor(clips)).numpy()

    @paddle.no_grad()
    def _logits(self, clips):
        return self.recogniser(paddle.to_tensor(clips)).numpy()

    @paddle.no_grad()
    def _features(self, clips):
        return self.recogniser.embed(paddle.to_tensor(clips)).numpy()
