from dataclasses import replace

import numpy as np
import pytest

from weights.description import InputContract, NetworkDescription
from weights.errors import WeightsError
from weights.files import save_network, write_pdparams
from weights.loading import load_pretrained, plan_network
from weights.pretrained import resolve
from weights.safe_reading import read_pdparams

PRETRAINED = NetworkDescription(
    "r3d",
    {"depth": 10, "widen_factor": 0.25, "n_classes": 3},
    ("walk", "run", "jump"),
    InputContract(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), frames=8),
)


@pytest.fixture
def source(tmp_path):
    save_network(PRETRAINED.build(), PRETRAINED, tmp_path / "model.pdparams")
    return resolve(tmp_path / "model.pdparams")


def fine_tune(source, labels, **wishes):
    description, notes = plan_network(source, labels, **wishes)
    network = description.build()
    fresh = {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}
    return network, fresh, load_pretrained(network, description, source), notes


def equal(network, other):
    """Names of the tensors that are equal in both."""
    return {
        name
        for name, tensor in network.state_dict().items()
        if tensor.shape == list(other[name].shape) and np.array_equal(tensor.numpy(), other[name])
    }


def test_other_classes_get_a_new_head_and_the_rest_is_loaded(source):
    network, fresh, report, notes = fine_tune(source, ("sit", "stand"))
    names = set(network.state_dict())
    assert equal(network, read_pdparams(source.path)) == names - {"fc.weight", "fc.bias"}
    np.testing.assert_array_equal(network.fc.weight.numpy(), fresh["fc.weight"])
    assert notes == []
    assert report.new.names == report.left_out.names == ("fc.weight", "fc.bias")
    assert (report.new.parameters, report.left_out.parameters) == (128 * 2 + 2, 128 * 3 + 3)
    assert len(report.loaded.names) == len(names) - 2
    text = "\n".join(report.lines())
    assert "left out: fc.weight, fc.bias (2 tensors, 387 parameters)" in text
    assert "head: new, 2 classes instead of 3 others" in text


def test_the_same_classes_keep_the_head(source):
    network, _, report, _ = fine_tune(source, PRETRAINED.labels)
    assert equal(network, read_pdparams(source.path)) == set(network.state_dict())
    assert report.new.names == report.left_out.names == ()
    assert "kept, the 3 classes are the same" in report.head


def test_the_same_classes_in_another_order_get_a_new_head(source):
    _, _, report, _ = fine_tune(source, ("run", "walk", "jump"))
    assert "another order" in report.head and report.new.names


def test_as_many_other_classes_get_a_new_head(source):
    _, _, report, _ = fine_tune(source, ("sit", "stand", "lie"))
    assert report.new.names == ("fc.weight", "fc.bias")


def test_unknown_classes_keep_the_head_when_there_are_as_many(source):
    unknown = replace(source, description=replace(PRETRAINED, labels=None))
    _, _, report, _ = fine_tune(unknown, ("sit", "stand", "lie"))
    assert "kept, 3 classes as well" in report.head
    _, _, report, _ = fine_tune(unknown, ("sit", "stand"))
    assert "new, 2 classes instead of 3" in report.head


def test_the_input_contract_follows_the_weights(source):
    description, notes = plan_network(source, ("sit", "stand"))
    assert description.input == PRETRAINED.input
    assert notes == []


def test_a_contradicting_input_contract_is_followed_and_reported(source):
    wishes = {"mean": [0.4, 0.4, 0.4], "std": [0.25, 0.25, 0.25], "frames": 16}
    description, notes = plan_network(source, ("sit", "stand"), input_contract=wishes)
    assert description.input.mean == (0.4, 0.4, 0.4)
    assert description.input.frames == 16
    assert notes == [
        "mean [0.4, 0.4, 0.4], but the weights were trained with [0.5, 0.5, 0.5]",
        "frames 16, but the weights were trained with 8",
    ]


def test_an_option_against_the_tensors_is_refused(source):
    with pytest.raises(WeightsError, match="has depth 10, which depth 18 contradicts"):
        plan_network(source, ("sit", "stand"), {"depth": 18})
    # Not named in the description, so it has its default.
    with pytest.raises(WeightsError, match="has shortcut B, which shortcut A contradicts"):
        plan_network(source, ("sit", "stand"), {"shortcut": "A"})
    assert plan_network(source, ("sit", "stand"), {"depth": 10, "shortcut": "B"})[1] == []


def test_an_option_that_no_tensor_depends_on_is_followed_and_reported(source):
    description, notes = plan_network(source, ("sit", "stand"), {"max_pool": False})
    assert description.options["max_pool"] is False
    assert notes == ["max_pool False, but the weights were trained with True"]


def test_a_tensor_that_does_not_fit_is_named_with_both_shapes(source):
    wider = replace(PRETRAINED, options={**PRETRAINED.options, "widen_factor": 0.5})
    network = wider.build()
    before = network.conv1.weight.numpy().copy()
    shapes = r"has the shape \[16, 3, 7, 7, 7\], the network wants \[32, 3, 7, 7, 7\]"
    with pytest.raises(WeightsError, match=f"conv1.weight {shapes}"):
        load_pretrained(network, wider, source)
    np.testing.assert_array_equal(network.conv1.weight.numpy(), before)


def test_a_network_of_another_depth_is_named(source):
    deeper = replace(PRETRAINED, options={**PRETRAINED.options, "depth": 18})
    with pytest.raises(WeightsError, match="tensors layer1.1.conv1.weight, .* more are missing"):
        load_pretrained(deeper.build(), deeper, source)


def test_weights_without_a_head_are_loaded(source):
    state = {k: v for k, v in read_pdparams(source.path).items() if not k.startswith("fc.")}
    headless = source.path.with_name("headless.pdparams")
    write_pdparams(state, headless)
    _, _, report, _ = fine_tune(resolve(headless), ("sit", "stand"))
    assert report.head == "head: new, the weights have none"
    assert report.new.names == ("fc.weight", "fc.bias") and report.left_out.names == ()
