"""python -m app summary: layers, parameters and multiply-adds of a network."""

import contextlib
import io
from dataclasses import dataclass

import paddle

from app.describe import build_network, count_parameters, describe, find_pretrained


@dataclass(frozen=True)
class NetworkSummary:
    """What a network consists of.

    Args:
        table: Its layers with their output shapes and parameters, as text.
        parameters: Number of trained values.
        multiply_adds: Multiply-adds of one clip in convolutions, the head and the pools.
        input_shape: Shape of the clip.
    """

    table: str
    parameters: int
    multiply_adds: int
    input_shape: tuple[int, ...]

    def __str__(self):
        shape = "x".join(map(str, self.input_shape[1:]))
        return (
            f"{self.table.strip()}\n"
            f"parameters: {self.parameters:,}\n"
            f"multiply-adds for one clip of {shape}: {self.multiply_adds:,}"
        )


def summarise(config):
    """Describe the network of a configuration, layer by layer.

    Args:
        config: ``app.configuration.SummaryConfig``.

    Returns:
        ``NetworkSummary``.
    """
    labels = [str(number) for number in range(config.n_classes)]
    description, _ = describe(config, labels, find_pretrained(config.model))
    network, _ = build_network(description, source=None, finetune_from=None)
    network.eval()
    shape = (1, 3, config.clip.frames, config.clip.size, config.clip.size)
    table = io.StringIO()
    # Both functions of Paddle print what they find.
    with contextlib.redirect_stdout(table):
        paddle.summary(network, shape)
    with contextlib.redirect_stdout(io.StringIO()):
        multiply_adds = paddle.flops(network, list(shape))
    return NetworkSummary(
        table.getvalue(),
        count_parameters(network),
        int(multiply_adds),
        shape,
    )
