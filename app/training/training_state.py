"""What a checkpoint holds, and how a run gets it back to the bit."""

import json
import random

import numpy as np
import paddle

from app.checkpoints import WEIGHTS
from app.training.soundness import judge
from weights.errors import WeightsError
from weights.files import fill, save_network, write_pdparams
from weights.safe_reading import read_pdparams

OPTIMIZER = "optimizer.pdopt"
# The last weights, where the weight file of the checkpoint holds their average.
LAST_WEIGHTS = "last.pdparams"
STATE = "state.json"
CONFIG = "config.yaml"
# What content makes of being put back that is no state, though it is what was once written.
DAMAGE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


class TrainingState:
    """Everything that the rest of a run depends on.

    Args:
        model: `app.training.video_model.VideoModel`, prepared.
        optimizer: Its optimizer.
        description: `weights.description.NetworkDescription` of its network.
        callbacks: Name -> callback with `state_dict` and `set_state_dict`.
        config_text: The configuration as YAML.
        shares: How many share the work, which decides over the last digits:
            `{"processes": number, "threads": number or None}`.

    Attributes:
        shares_before: `shares` of the state that was read; empty where it does not say.
    """

    def __init__(self, model, optimizer, description, callbacks, config_text, shares):
        self.model = model
        self.optimizer = optimizer
        self.description = description
        self.callbacks = callbacks
        self.config_text = config_text
        self.shares = shares
        self.shares_before = {}

    def write(self, folder):
        """Write the state into an empty folder.

        `model.pdparams` and `model.json` are those of a weight file; the rest is for resuming.

        Returns:
            What the checkpoint's manifest says of it: `position` and how sound the training is.
        """
        averages = self.model.averages
        if averages is None:
            save_network(self.model.bare_network, self.description, folder / WEIGHTS)
        else:
            write_pdparams(self.model.bare_network.state_dict(), folder / LAST_WEIGHTS)
            with averages.in_place():
                save_network(self.model.bare_network, self.description, folder / WEIGHTS)
        write_pdparams(self.optimizer.state_dict(), folder / OPTIMIZER)
        position = self.model.position
        state = {
            "epoch": position.epoch,
            "batch": position.batch,
            "step": position.step,
            "training_metrics": self.model.training_metrics.state_dict(),
            "callbacks": {name: c.state_dict() for name, c in self.callbacks.items()},
            "random": _random_state(),
            "shares": self.shares,
        }
        (folder / STATE).write_text(json.dumps(state), encoding="utf-8")
        (folder / CONFIG).write_text(self.config_text, encoding="utf-8")
        trained = [p.numpy() for p in self.model.bare_network.parameters() if not p.stop_gradient]
        return {
            "position": (position.epoch, position.batch, position.step),
            **judge(trained, self.model.loss, self.model.n_classes),
        }

    def read(self, folder):
        """Put the state of a checkpoint back.

        Args:
            folder: The checkpoint, checked to be complete.

        Raises:
            WeightsError: The weights are of another network, or a file holds no state of a run.
        """
        last = folder / (WEIGHTS if self.model.averages is None else LAST_WEIGHTS)
        fill(self.model.bare_network, read_pdparams(last), last)
        if self.model.averages is not None:
            self.model.averages.set_state_dict(read_pdparams(folder / WEIGHTS))
        path = folder / OPTIMIZER
        try:
            self.optimizer.set_state_dict(read_pdparams(path))
            path = folder / STATE
            self._set_state(json.loads(path.read_text(encoding="utf-8")))
        except DAMAGE as error:
            words = " ".join(str(error).split())
            raise WeightsError(
                path,
                f"holds no state of a run ({type(error).__name__}: {words}); remove this "
                "checkpoint's folder to resume from the one before",
            ) from None

    def _set_state(self, state):
        position = self.model.position
        position.epoch, position.batch, position.step = (
            _count(state[key]) for key in ("epoch", "batch", "step")
        )
        self.model.training_metrics.set_state_dict(state["training_metrics"])
        for name, callback in self.callbacks.items():
            callback.set_state_dict(state["callbacks"][name])
        _set_random_state(state["random"])
        # Checkpoints from before it was kept do not have it.
        self.shares_before = dict(state.get("shares", {}))


def seed_everything(seed):
    """Seed Paddle, numpy and Python; the clips have generators of their own."""
    paddle.seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def _count(value):
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} where a count belongs")
    return value


def _random_state():
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, gauss_next = random.getstate()
    return {
        "paddle": [list(generator.__getstate__()) for generator in paddle.get_rng_state()],
        "numpy": [kind, keys.tolist(), position, has_gauss, gauss],
        "python": [version, list(words), gauss_next],
    }


def _set_random_state(state):
    generators = paddle.get_rng_state()
    # A run may go on with another number of devices; each has a generator.
    for generator, saved in zip(generators, state["paddle"], strict=False):
        generator.__setstate__(tuple(saved))
    paddle.set_rng_state(generators)
    np.random.set_state(tuple(state["numpy"]))
    version, words, gauss_next = state["python"]
    random.setstate((version, tuple(words), gauss_next))
