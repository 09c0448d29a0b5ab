"""Which options of a run somebody chose, and which came by themselves."""

from dataclasses import asdict, fields, replace

import models
from app.configuration import FitConfig, ModelConfig
from app.training.network import CONTRACT_OPTIONS, NETWORK_OPTIONS
from weights.description import InputContract

# Where something is, or how it is computed: not what makes one run differ from another.
PLACES = {
    *("run_dir", "resume", "train.device", "train.kernels", "train.workers", "train.threads"),
}


def flat_options(config):
    """Every option of a configuration by its name on the command line."""
    flat = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if hasattr(value, "__dataclass_fields__"):
            flat.update({f"{field.name}.{name}": v for name, v in asdict(value).items()})
        else:
            flat[field.name] = value
    return flat


def changed_options(config):
    """The options that differ from their defaults, by their names on the command line.

    A run keeps what was left open about its network as it was settled. What follows the pretrained
    weights, or is what the family has by itself, was not chosen here.

    Args:
        config: `FitConfig` of a run.
    """
    defaults = flat_options(FitConfig())
    options = flat_options(replace(config, model=_as_chosen(config.model)))
    return {
        name: value
        for name, value in options.items()
        if name not in PLACES and value != defaults[name]
    }


def _as_chosen(model):
    names = ("architecture", *NETWORK_OPTIONS, *CONTRACT_OPTIONS)
    if model.pretrained is not None:
        return replace(model, **dict.fromkeys(names))
    architecture = model.architecture or "r3d"
    by_itself = {
        "architecture": "r3d",
        **models.complete_options(architecture, {}),
        **asdict(InputContract()),
    }
    same = [name for name in names if getattr(model, name) == by_itself.get(name)]
    return replace(model, **{name: getattr(ModelConfig, name) for name in same})
