import numpy as np
import paddle
import pytest

import models
from weights.freezing import freeze_before

MODULES = ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"]


@pytest.fixture
def network():
    paddle.seed(0)
    return models.build(depth=10, widen_factor=0.25, n_classes=3)


def train(network, batches=3, frames=8):
    """A few batches through paddle.Model, which calls train() before each."""
    model = paddle.Model(models.Recogniser(network, models.Normalisation()))
    optimizer = paddle.optimizer.Momentum(
        0.1, momentum=0.9, weight_decay=0.1, parameters=model.parameters()
    )
    model.prepare(optimizer, paddle.nn.CrossEntropyLoss())
    random = np.random.default_rng(0)
    for _ in range(batches):
        clips = random.integers(0, 256, (4, 3, frames, 32, 32), dtype=np.uint8)
        model.train_batch([clips], [np.array([[0], [1], [2], [0]])])
        model.eval_batch([clips], [np.array([[0], [1], [2], [0]])])
    return optimizer


def values(network):
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("module_name", MODULES)
def test_everything_before_is_byte_identical_after_training(module_name, network):
    freeze_before(network, module_name)
    before = values(network)
    train(network)
    after = values(network)
    changed = {name.split(".")[0] for name in before if before[name] != after[name]}
    assert changed == set(MODULES[MODULES.index(module_name) :])
    # Nor is anything left out behind that point: BatchNorm statistics move there.
    assert all(
        before[name] != after[name]
        for name in before
        if name.split(".")[0] in changed and name.endswith(("_mean", "_variance"))
    )


def test_without_freezing_everything_moves(network):
    report = freeze_before(network, "")
    before = values(network)
    train(network)
    after = values(network)
    assert {name.split(".")[0] for name in before if before[name] != after[name]} == set(MODULES)
    assert report.frozen == () and len(report.lines()) == 1


def test_the_report_counts_tensors_and_parameters(network):
    report = freeze_before(network, "layer4")
    assert report.modules == ("layer4", "fc")
    assert set(report.trained) == {
        name for name, p in network.named_parameters() if not p.stop_gradient
    }
    assert report.trained_size + report.frozen_size == sum(
        p.size for n, p in network.named_parameters() if not n.endswith(("_mean", "_variance"))
    )
    assert not any(name.endswith(("_mean", "_variance")) for name in report.frozen)
    assert "layer4, fc (11 tensors" in report.lines()[0]
    assert "27 tensors" in report.lines()[1]


def test_frozen_parameters_have_no_gradient_and_no_optimizer_state(network):
    freeze_before(network, "layer4")
    optimizer = train(network, batches=1)
    network.train()
    network(paddle.randn([2, 3, 8, 32, 32])).sum().backward()
    assert network.layer3[0].conv1.weight.grad is None
    assert network.layer4[0].conv1.weight.grad is not None
    # One velocity for each of the 11 trained tensors.
    assert sum("velocity" in name for name in optimizer.state_dict()) == 11


def test_the_backward_pass_ends_at_the_first_trained_module(network):
    freeze_before(network, "layer4")
    network.train()
    x = network.maxpool(
        paddle.nn.functional.relu(network.bn1(network.conv1(paddle.randn([1, 3, 8, 32, 32]))))
    )
    features = network.layer3(network.layer2(network.layer1(x)))
    assert features.stop_gradient
    assert not network.layer4(features).stop_gradient


def test_names_and_outputs_stay(network):
    names = list(network.state_dict())
    clips = paddle.randn([1, 3, 8, 32, 32])
    network.eval()
    before = network(clips).numpy()
    freeze_before(network, "layer3")
    assert list(network.state_dict()) == names
    network.eval()
    np.testing.assert_array_equal(network(clips).numpy(), before)


@pytest.mark.parametrize(
    ("architecture", "options", "module_name"),
    [
        ("r2p1d", {"depth": 10, "widen_factor": 0.25}, "conv1_t"),
        ("preresnet", {"depth": 10, "widen_factor": 0.25}, "layer2"),
        ("resnext", {"cardinality": 8}, "layer4"),
        ("densenet", {}, "denseblock4"),
        ("torchvision_mc3", {}, "layer4"),
    ],
)
def test_every_family_is_frozen_by_its_own_stages(architecture, options, module_name):
    network = models.build(architecture, n_classes=3, **options)
    report = freeze_before(network, module_name)
    names = list(network.stages())
    assert list(report.modules) == names[names.index(module_name) :]
    frozen = names[: names.index(module_name)]
    before = {name: values(network.stages()[name]) for name in names}
    # A DenseNet halves its frames five times.
    train(network, batches=1, frames=16 if architecture == "densenet" else 4)
    after = {name: values(network.stages()[name]) for name in names}
    assert [name for name in names if before[name] == after[name]] == frozen


def test_a_synchronised_batch_norm_is_frozen_too():
    layers = models.SynchronisedLayers()
    network = models.build(layers=layers, depth=10, widen_factor=0.25, n_classes=3)
    freeze_before(network, "fc")
    before = values(network)
    # Frozen, it needs none of the kernels that only a GPU has.
    train(network, batches=1)
    after = values(network)
    assert {name for name in before if before[name] != after[name]} == {"fc.weight", "fc.bias"}


def test_an_unknown_module_is_an_error_that_lists_the_names(network):
    with pytest.raises(ValueError, match="no module 'layer5'.*conv1, bn1, layer1, .*, fc"):
        freeze_before(network, "layer5")
    # The max-pool has nothing to train.
    with pytest.raises(ValueError, match="no module 'maxpool'"):
        freeze_before(network, "maxpool")
    assert not network.conv1.weight.stop_gradient
