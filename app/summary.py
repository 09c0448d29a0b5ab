"""python -m app summary: parts, parameters and multiply-adds of a network.

python -m app summary --model.depth 50
python -m app summary --model.pretrained r3d50_KM_200ep --model.finetune_from layer4
"""

import contextlib
import io
from dataclasses import dataclass

import paddle

from app.training.network import build_network, describe, find_pretrained
from weights.files import count_parameters


@dataclass(frozen=True)
class Part:
    """One part of a network, by the name that `--model.finetune_from` takes.

    Args:
        name: Its name.
        output: Shape of what it returns for one clip, without the batch.
        parameters: Number of values in it that can be trained.
        trained: Whether they are.
    """

    name: str
    output: tuple[int, ...]
    parameters: int
    trained: bool


@dataclass(frozen=True)
class NetworkSummary:
    """What a network consists of.

    Args:
        parts: Its `Part`s, in the order in which data goes through them.
        parameters: Number of trained values.
        multiply_adds: Multiply-adds of one clip in convolutions, the head and the pools.
        input_shape: Shape of the clip.
        contract: What the network wants to be fed with, in words.
    """

    parts: list[Part]
    parameters: int
    multiply_adds: int
    input_shape: tuple[int, ...]
    contract: str

    def __str__(self):
        rows = [("part", "output", "parameters", "")]
        for part in self.parts:
            output = "x".join(map(str, part.output))
            frozen = "" if part.trained else "frozen"
            rows.append((part.name, output, f"{part.parameters:,}", frozen))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        table = [
            f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
            for row in rows
        ]
        shape = "x".join(map(str, self.input_shape[1:]))
        return "\n".join(
            [
                *table,
                f"parameters: {self.parameters:,}",
                f"multiply-adds for one clip of {shape}: {self.multiply_adds:,}",
                f"input: {self.contract}",
            ]
        )


def summarise(config):
    """Describe the network of a configuration, part by part.

    Args:
        config: `app.configuration.SummaryConfig`.

    Returns:
        `NetworkSummary`.

    Raises:
        UserError, WeightsError: There is no such network.
    """
    labels = [str(number) for number in range(config.n_classes)]
    pretrained = find_pretrained(config.model)
    description, _ = describe(config, labels, pretrained)
    network, _ = build_network(description, pretrained, config.model.finetune_from)
    network.eval()
    shape = (1, 3, config.clip.frames, config.clip.size, config.clip.size)
    outputs = _outputs(network, shape)
    parts = [
        Part(
            name,
            outputs[name],
            count_parameters({f"{name}.{n}": t for n, t in part.state_dict().items()}),
            any(not parameter.stop_gradient for parameter in part.parameters()),
        )
        for name, part in network.stages().items()
    ]
    # Paddle prints what it finds.
    with contextlib.redirect_stdout(io.StringIO()):
        multiply_adds = paddle.flops(network, list(shape))
    contract = description.input
    step = f", {contract.stride} apart" if contract.stride > 1 else ""
    words = (
        f"{contract.frames} frames{step}, uint8 RGB, taken as 0-{contract.value_range}, "
        f"mean {list(contract.mean)}, std {list(contract.std)}"
    )
    trained = sum(part.parameters for part in parts if part.trained)
    return NetworkSummary(parts, trained, int(multiply_adds), shape, words)


def _outputs(network, shape):
    """Name -> shape of what each part returns, without the batch."""
    found = {}
    hooks = [
        part.register_forward_post_hook(
            lambda _, __, output, name=name: found.update({name: tuple(output.shape[1:])})
        )
        for name, part in network.stages().items()
    ]
    with paddle.no_grad():
        network(paddle.zeros(shape))
    for hook in hooks:
        hook.remove()
    return found
