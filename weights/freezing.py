"""Fine-tuning from a module on: everything before it keeps still, BatchNorm statistics included."""

from dataclasses import dataclass

from paddle import nn


@dataclass(frozen=True)
class FreezeReport:
    """What `freeze_before` left to be trained.

    Args:
        trained: Names of the parameters that are trained.
        frozen: Names of the parameters that are not.
        trained_size: Number of values in the trained ones.
        frozen_size: Number of values in the frozen ones.
        modules: Names of the modules that are trained.
    """

    trained: tuple[str, ...]
    frozen: tuple[str, ...]
    trained_size: int
    frozen_size: int
    modules: tuple[str, ...]

    def lines(self):
        """The report as text, one line each."""
        lines = [
            f"trained: {', '.join(self.modules)} "
            f"({len(self.trained)} tensors, {self.trained_size:,} parameters)"
        ]
        if self.frozen:
            lines.append(
                f"frozen, BatchNorm statistics included: {len(self.frozen)} tensors, "
                f"{self.frozen_size:,} parameters"
            )
        return lines


def freeze_before(network, module_name):
    """Train a module and all after it, and freeze the ones before, in place.

    Frozen parameters get no gradient and the backward pass ends where they begin. The modules in
    question are the network's `stages()`.

    Args:
        network: A bare network of `models.build`.
        module_name: The first module to train; `""` trains all.

    Returns:
        A `FreezeReport`.

    Raises:
        ValueError: There is no such module.
    """
    stages = network.stages()
    names = list(stages)
    if module_name and module_name not in names:
        raise ValueError(f"no module {module_name!r} in the network; there are: {', '.join(names)}")
    first = names.index(module_name) if module_name else 0
    for name in names[:first]:
        _freeze(stages[name])
    parameters = [
        (name, parameter)
        for name, parameter in network.named_parameters()
        # BatchNorm's running statistics count as parameters for Paddle.
        if not name.endswith(("._mean", "._variance"))
    ]
    trained = [(name, parameter) for name, parameter in parameters if not parameter.stop_gradient]
    frozen = [(name, parameter) for name, parameter in parameters if parameter.stop_gradient]
    return FreezeReport(
        trained=tuple(name for name, _ in trained),
        frozen=tuple(name for name, _ in frozen),
        trained_size=sum(parameter.size for _, parameter in trained),
        frozen_size=sum(parameter.size for _, parameter in frozen),
        modules=tuple(names[first:]),
    )


def _freeze(module):
    for parameter in module.parameters():
        parameter.stop_gradient = True
    for layer in module.sublayers(include_self=True):
        if isinstance(layer, (nn.BatchNorm3D, nn.SyncBatchNorm)):
            # `paddle.Model` puts every layer into training mode before every batch; with this
            # the running statistics are used and left alone in that mode, too.
            layer._use_global_stats = True
