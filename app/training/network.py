"""The network that a configuration asks for, from pretrained weights or from scratch."""

from dataclasses import asdict, replace

import models
from app.errors import UserError
from weights.description import InputContract, NetworkDescription
from weights.folder import weights_folder
from weights.freezing import freeze_before
from weights.loading import load_pretrained, plan_network
from weights.pretrained import resolve

NETWORK_OPTIONS = (
    *("depth", "shortcut", "conv1_t_size", "conv1_t_stride", "max_pool", "widen_factor"),
    *("cardinality", "stem_channels", "middle_channels", "bn_epsilon"),
)
CONTRACT_OPTIONS = ("mean", "std", "value_range")


def describe(config, labels, source=None):
    """Settle what the configuration leaves open about the network.

    Args:
        config: `FitConfig` or `SummaryConfig`.
        labels: Class names.
        source: `weights.pretrained.Source` of pretrained weights, or None.

    Returns:
        The `weights.description.NetworkDescription` to build, and lines for the user about
        wishes that depart from the pretrained weights.

    Raises:
        WeightsError: A wish contradicts the pretrained weights.
        UserError: The family has no such option, or not this value of it.
    """
    options = _wishes(config.model, NETWORK_OPTIONS)
    contract = _wishes(config.model, CONTRACT_OPTIONS)
    clip = {name: getattr(config.clip, name) for name in ("size", "frames", "stride")}
    if source is not None:
        if config.model.architecture is not None:
            options["architecture"] = config.model.architecture
        description, notes = plan_network(source, labels, options, contract)
        if description.input.resize is not None:
            height, width = description.input.resize
            notes.append(
                f"frames are not brought to {height}x{width} first, as the weights were evaluated: "
                "this network is trained, validated and used on crops of the frames as they are"
            )
        return replace(description, input=description.input.with_clips(**clip)), notes
    architecture = config.model.architecture or "r3d"
    try:
        options = models.complete_options(architecture, {**options, "n_classes": len(labels)})
    except ValueError as error:
        raise UserError(f"--model: {error}") from None
    description = NetworkDescription(
        architecture=architecture,
        options=options,
        labels=tuple(labels),
        input=InputContract(**contract, **clip),
    )
    return description, []


def find_pretrained(model):
    """The weights that `--model.pretrained` names, or None.

    Args:
        model: `ModelConfig`.

    Returns:
        `weights.pretrained.Source` or None.
    """
    if model.pretrained is None:
        return None
    return resolve(model.pretrained, weights_folder(), model.depth, model.architecture or "r3d")


def build_network(description, source, finetune_from, layers=None):
    """Build a network, take over pretrained weights, and freeze what is not to be trained.

    Args:
        description: `NetworkDescription`.
        source: `weights.pretrained.Source`, or None for fresh weights.
        finetune_from: First module to train, or None for all.
        layers: `models.layers.Layers` to build it of, or None for the usual ones.

    Returns:
        The bare network, and lines for the user about what was loaded and what is trained.

    Raises:
        UserError, WeightsError: The weights do not fit, or there is no such module.
    """
    try:
        network = description.build(layers)
    except ValueError as error:
        raise UserError(f"--model: {error}") from None
    lines = []
    if source is not None:
        lines += [*source.notes, *load_pretrained(network, description, source).lines()]
    try:
        report = freeze_before(network, finetune_from or "")
    except ValueError as error:
        raise UserError(f"--model.finetune_from: {error}") from None
    if source is not None or finetune_from:
        lines += report.lines()
    return network, lines


def settled(model, description):
    """A `ModelConfig` with everything said that was left open."""
    contract = asdict(description.input)
    return replace(
        model,
        architecture=description.architecture,
        **{name: description.options.get(name) for name in NETWORK_OPTIONS},
        **{name: contract[name] for name in CONTRACT_OPTIONS},
    )


def _wishes(model, names):
    values = {name: getattr(model, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}
