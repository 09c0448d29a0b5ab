"""The network run by Paddle's eager mode: any device, and the only one with features."""

import paddle
import paddle.nn.functional as F

from app.inference.engine import Engine


class DynamicEngine(Engine):
    """A network in eager mode, on the device that Paddle is set to.

    Args:
        network: A bare network of ``models.build``.
        description: Its ``NetworkDescription``.
    """

    def __init__(self, network, description):
        super().__init__(description, f"eager on {paddle.get_device()}")
        self.recogniser = description.recogniser(network)
        self.recogniser.eval()

    @paddle.no_grad()
    def _scores(self, clips):
        return F.softmax(self.recogniser(paddle.to_tensor(clips)), axis=-1).numpy()

    @paddle.no_grad()
    def _features(self, clips):
        return self.recogniser.embed(paddle.to_tensor(clips)).numpy()
