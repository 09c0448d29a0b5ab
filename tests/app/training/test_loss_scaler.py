"""Half precision's scaled loss, on a CPU: Paddle has the kernels there, but switches it off."""

import json
from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from app.configuration import OptimConfig
from app.training.kernels import LossScaler
from app.training.video_model import NonFiniteLossError
from tests.app.training.test_recipe import (
    clips_and_labels,
    model_of,
    moved,
    small_network,
    step,
    values,
)

NO_DECAY = OptimConfig(momentum=0.0, weight_decay=0.0)


@pytest.fixture
def scaler(monkeypatch):
    place = SimpleNamespace(is_gpu_place=lambda: True)
    tracer = SimpleNamespace(_expected_place=place)
    monkeypatch.setattr("paddle.amp.grad_scaler._dygraph_tracer", lambda: tracer)
    # What the forward pass under half precision leaves behind.
    state = SimpleNamespace(amp_dtype="float16")
    monkeypatch.setattr("paddle.amp.grad_scaler.amp_global_state", lambda: state)
    scaler = LossScaler(incr_every_n_steps=3)
    assert scaler.is_enable()
    return scaler


def changes_of_a_step(scaler, **options):
    network = small_network()
    before = values(network)
    model = model_of(network, optim=NO_DECAY, **options)
    model.scaler = scaler
    step(model)
    return model, moved(network, before)


def test_an_update_is_that_of_the_plain_loss(scaler):
    plain, wanted = changes_of_a_step(None)
    scaled, found = changes_of_a_step(scaler)
    for name, change in wanted.items():
        np.testing.assert_allclose(found[name], change, rtol=1e-3, atol=1e-7, err_msg=name)
    assert scaled.gradient_norm == pytest.approx(plain.gradient_norm, rel=1e-4)
    assert scaler.factor == 2**16


def test_an_overflow_skips_the_update_and_halves_the_factor(scaler):
    network = small_network()
    model = model_of(network, optim=NO_DECAY)
    model.scaler = scaler
    state = scaler.state_dict()
    scaler.set_state_dict({**state, "scale": [3e38]})
    before = values(network)
    step(model)
    assert not any(change.any() for change in moved(network, before).values())
    assert scaler.factor == pytest.approx(1.5e38)
    assert (model.position.step, model.accumulating) == (1, False)
    scaler.set_state_dict(state)
    step(model)
    assert any(change.any() for change in moved(network, before).values())


def test_a_gradient_that_is_infinite_without_any_scaling_ends_the_run(scaler):
    network = small_network()
    model = model_of(network)
    model.scaler = scaler
    scaler.set_state_dict({**scaler.state_dict(), "scale": [1.0]})
    clips, labels = clips_and_labels()
    network.fc.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(NonFiniteLossError, match="the gradient became"):
        model.train_batch([clips], [labels])


def test_the_state_survives_a_checkpoint(scaler):
    model, _ = changes_of_a_step(scaler)
    scaler.set_state_dict({**scaler.state_dict(), "scale": [512.0]})
    kept = json.loads(json.dumps(scaler.state_dict()))
    other = LossScaler(incr_every_n_steps=3)
    other.set_state_dict(kept)
    assert other.state_dict() == scaler.state_dict() == kept
    assert (kept["incr_count"], kept["scale"]) == (1, [512.0])
    # Two more good steps make three: the factor grows.
    for seed in (1, 2):
        model.scaler = other
        step(model, seed)
    assert other.factor == 1024
    assert paddle.get_device() == "cpu"
