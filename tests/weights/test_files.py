import numpy as np
import paddle
import pytest

import models
from weights.description import InputContract, NetworkDescription
from weights.errors import WeightsError
from weights.files import (
    count_parameters,
    load_network,
    save_network,
    write_pdparams,
)

DESCRIPTION = NetworkDescription(
    "r3d", {"depth": 10, "widen_factor": 0.25, "n_classes": 3}, ("a", "b", "c"), InputContract()
)


@pytest.fixture
def saved(tmp_path):
    network = DESCRIPTION.build()
    save_network(network, DESCRIPTION, tmp_path / "model.pdparams")
    return network, tmp_path / "model.pdparams"


def test_a_saved_network_comes_back(saved):
    network, path = saved
    loaded, description = load_network(path)
    assert description == DESCRIPTION
    for name, tensor in loaded.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), network.state_dict()[name].numpy())
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.json", "model.pdparams"]


def test_plain_paddle_loads_it(saved):
    network, path = saved
    other = DESCRIPTION.build()
    assert other.set_state_dict(paddle.load(str(path))) == ([], [])
    np.testing.assert_array_equal(other.conv1.weight.numpy(), network.conv1.weight.numpy())


def test_plain_paddle_loads_a_written_optimizer(tmp_path):
    layer = paddle.nn.Linear(3, 2)
    schedule = paddle.optimizer.lr.CosineAnnealingDecay(0.1, 10)
    optimizer = paddle.optimizer.Momentum(schedule, parameters=layer.parameters())
    layer(paddle.ones([1, 3])).sum().backward()
    optimizer.step()
    schedule.step()
    write_pdparams(optimizer.state_dict(), tmp_path / "model.pdopt")
    loaded = paddle.load(str(tmp_path / "model.pdopt"))
    assert loaded["LR_Scheduler"] == schedule.state_dict()
    optimizer.set_state_dict(loaded)
    velocity = optimizer.state_dict()[f"{layer.weight.name}_velocity_0"]
    np.testing.assert_array_equal(velocity.numpy(), np.ones([3, 2], np.float32))


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        (lambda s: s.pop("layer2.0.bn1._mean"), "tensor layer2.0.bn1._mean is missing"),
        (lambda s: s.update(more=np.zeros(1)), "tensor more is not part of the network"),
        (
            lambda s: s.update({"fc.weight": np.zeros((128, 4))}),
            r"fc.weight has the shape \[128, 4\], the network wants \[128, 3\]",
        ),
        (lambda s: s.update({"fc.bias": "text"}), "fc.bias is not an array of floating-point"),
    ],
)
def test_weights_that_do_not_fit_the_description_are_refused(change, trouble, saved):
    network, path = saved
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    change(state)
    write_pdparams(state, path)
    with pytest.raises(WeightsError, match=trouble):
        load_network(path)


def test_missing_and_impossible_descriptions_are_named(saved):
    _, path = saved
    description = path.with_suffix(".json")
    description.write_text(DESCRIPTION.to_json().replace('"r3d"', '"c3d"'))
    with pytest.raises(WeightsError, match="model.json: unknown architecture 'c3d'"):
        load_network(path)
    description.unlink()
    with pytest.raises(WeightsError, match="model.json: No such file"):
        load_network(path)


def test_running_statistics_are_not_counted_as_parameters():
    network = models.build(depth=18, n_classes=700)
    assert count_parameters(network.state_dict()) == 33_563_004
