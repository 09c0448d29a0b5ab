"""The network that a configuration asks for."""

from dataclasses import asdict

from weights.description import InputContract, NetworkDescription


def describe(config, labels):
    """The network that a configuration asks for, with its labels and input contract.

    Args:
        config: ``FitConfig``.
        labels: Class names.

    Returns:
        ``weights.description.NetworkDescription``.
    """
    options = asdict(config.model)
    architecture = options.pop("architecture")
    contract = {name: options.pop(name) for name in ("mean", "std", "value_range")}
    return NetworkDescription(
        architecture=architecture,
        options={**options, "n_classes": len(labels), "in_channels": 3},
        labels=tuple(labels),
        input=InputContract(
            **contract,
            size=config.clip.size,
            frames=config.clip.frames,
            stride=config.clip.stride,
        ),
    )


def count_parameters(network):
    """Number of values that training changes; Paddle lists BatchNorm's statistics among them."""
    return sum(p.size for p in network.parameters() if not p.stop_gradient)
