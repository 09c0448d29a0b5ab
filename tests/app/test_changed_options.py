from dataclasses import replace

from app.changed_options import changed_options
from app.configuration import FitConfig, ModelConfig, OptimConfig
from app.training.network import describe, settled


def settled_config(**model):
    """A configuration as a run keeps it, from what was typed."""
    config = FitConfig(model=ModelConfig(**model), optim=OptimConfig(lr=0.5))
    return replace(config, model=settled(config.model, describe(config, ("a", "b"))[0]))


def test_what_a_family_has_by_itself_was_not_chosen():
    assert changed_options(settled_config()) == {"optim.lr": 0.5}
    assert changed_options(FitConfig()) == {}


def test_what_was_chosen_is_named():
    changed = changed_options(
        settled_config(architecture="wideresnet", depth=101, widen_factor=3.0, mean=(0.0,) * 3)
    )
    assert changed == {
        "model.architecture": "wideresnet",
        "model.depth": 101,
        "model.widen_factor": 3.0,
        "model.mean": (0.0,) * 3,
        "optim.lr": 0.5,
    }


def test_what_pretrained_weights_settled_was_not_chosen():
    config = settled_config(depth=50, conv1_t_size=3)
    config = replace(config, model=replace(config.model, pretrained="x.pdparams", dropout=0.5))
    assert changed_options(config) == {
        "model.pretrained": "x.pdparams",
        "model.dropout": 0.5,
        "optim.lr": 0.5,
    }
