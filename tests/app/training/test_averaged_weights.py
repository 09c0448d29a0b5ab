import numpy as np
import paddle
import pytest

from app.training.averaged_weights import AveragedWeights


@pytest.fixture
def network():
    paddle.seed(0)
    return paddle.nn.Sequential(paddle.nn.Linear(3, 2), paddle.nn.BatchNorm1D(2))


def values(network):
    return {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}


def test_it_is_the_moving_average_of_all_tensors(network):
    averaged = AveragedWeights(network, 0.5)
    wanted = values(network)
    for step in range(1, 30):
        for tensor in network.state_dict().values():
            tensor.set_value(tensor + step)
        averaged.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = {n: decay * wanted[n] + (1 - decay) * v for n, v in values(network).items()}
    for name, average in averaged.state_dict().items():
        np.testing.assert_allclose(average.numpy(), wanted[name], rtol=1e-5)


def test_averages_are_in_the_network_within_the_block_only(network):
    averaged = AveragedWeights(network, 0.9)
    start = values(network)
    network[0].weight.set_value(network[0].weight + 1)
    moved = values(network)
    with pytest.raises(RuntimeError), averaged.in_place():
        np.testing.assert_array_equal(network[0].weight.numpy(), start["0.weight"])
        raise RuntimeError
    for name, value in values(network).items():
        np.testing.assert_array_equal(value, moved[name])
    np.testing.assert_array_equal(averaged.state_dict()["0.weight"].numpy(), start["0.weight"])


def test_averages_come_back_to_the_bit(network):
    averaged = AveragedWeights(network, 0.9)
    network[0].weight.set_value(network[0].weight * 3)
    averaged.update(5)
    kept = {name: tensor.numpy().copy() for name, tensor in averaged.state_dict().items()}
    other = AveragedWeights(network, 0.9)
    other.set_state_dict(kept)
    for name, tensor in other.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), kept[name])
