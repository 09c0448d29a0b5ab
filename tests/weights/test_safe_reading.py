import collections
import os
import pickle

import numpy as np
import paddle
import pytest

import models
from weights.errors import WeightsError
from weights.files import write_pdparams
from weights.safe_reading import PIECES_TABLE, read_pdparams


@pytest.fixture(scope="module")
def network():
    return models.build(depth=10, widen_factor=0.25, n_classes=3)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_network_saved_by_paddle_is_read(network, protocol, tmp_path):
    path = tmp_path / "model.pdparams"
    paddle.save(network.state_dict(), str(path), protocol=protocol)
    state = read_pdparams(path)
    assert list(state) == list(network.state_dict())
    for name, tensor in network.state_dict().items():
        assert state[name].dtype == np.float32
        np.testing.assert_array_equal(state[name], tensor.numpy())


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_an_optimizer_saved_by_paddle_is_read(protocol, tmp_path):
    layer = paddle.nn.Linear(3, 2)
    schedule = paddle.optimizer.lr.LinearWarmup(
        paddle.optimizer.lr.MultiStepDecay(0.1, [2, 4]), 3, 0.0, 0.1
    )
    optimizer = paddle.optimizer.Momentum(schedule, parameters=layer.parameters())
    layer(paddle.ones([1, 3])).sum().backward()
    optimizer.step()
    schedule.step()
    path = tmp_path / "model.pdopt"
    paddle.save(optimizer.state_dict(), str(path), protocol=protocol)
    state = read_pdparams(path)
    assert state["LR_Scheduler"] == schedule.state_dict()
    velocity = state[f"{layer.weight.name}_velocity_0"]
    np.testing.assert_array_equal(velocity, np.ones([3, 2], np.float32))
    optimizer.set_state_dict(state)


def test_nested_tensors_numbers_and_odd_arrays_are_read(tmp_path):
    path = tmp_path / "mixed.pdparams"
    column_major = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    content = {
        "network": collections.OrderedDict(weight=paddle.ones([2])),
        "list": [1, "two", None, (3.0, True)],
        "empty": np.zeros((0, 4)),
        "scalar array": np.array(7, dtype=np.int64),
        "number": np.float32(2.5),
        "column major": column_major,
        "big endian": np.arange(3, dtype=">f4"),
    }
    paddle.save(content, str(path))
    state = read_pdparams(path)
    np.testing.assert_array_equal(state["network"]["weight"], [1, 1])
    assert state["list"] == [1, "two", None, (3.0, True)]
    assert state["empty"].shape == (0, 4)
    assert state["scalar array"] == 7
    assert state["number"] == 2.5
    np.testing.assert_array_equal(state["column major"], column_major)
    np.testing.assert_array_equal(state["big endian"], [0, 1, 2])


def test_arrays_cut_into_pieces_are_joined(tmp_path):
    # What protocol 2 and 3 do to arrays above 1 GiB, in small.
    path = tmp_path / "large.pdparams"
    whole = np.arange(10, dtype=np.float32)
    content = {
        "w@@.0": whole[:6],
        "w@@.1": whole[6:],
        PIECES_TABLE: {"w": {"OriginShape": (2, 5), "slices": ["w@@.0", "w@@.1"]}},
    }
    path.write_bytes(pickle.dumps(content, protocol=3))
    state = read_pdparams(path)
    assert list(state) == ["w"]
    np.testing.assert_array_equal(state["w"], whole.reshape(2, 5))


class Call:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_a_hostile_file_is_refused_unexecuted(tmp_path):
    path, mark = tmp_path / "hostile.pdparams", tmp_path / "executed"
    content = {"conv1.weight": np.zeros(3), "fc.bias": Call(os.system, f"touch {mark}")}
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match="holds a posix.system") as caught:
        read_pdparams(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert not mark.exists()
    # The file is a live one: Paddle's own reader runs the command.
    paddle.load(str(path))
    assert mark.exists()


@pytest.mark.parametrize(
    "hostile",
    [
        Call(eval, "1 + 1"),
        Call(getattr, "text", "upper"),
        Call(np.load, "/etc/hostname"),
        Call(np.frombuffer, b"1234"),
        Call(collections.Counter, "abc"),
        Call(bytearray, 10),
        np.random.default_rng(0),
        np.array([os.system, None], dtype=object),
        np.array(["text"]),
        {"deep": [({"deeper": Call(print, "x")},)]},
        os.system,
        dict,
        {1, 2},
    ],
    # Without memory addresses: test processes must agree on the names.
    ids=(
        "eval getattr load frombuffer counter bytearray generator objects text nested function "
        "class set"
    ).split(),
)
def test_nothing_but_arrays_and_plain_containers_is_admitted(hostile, tmp_path):
    path = tmp_path / "hostile.pdparams"
    for protocol in (2, 4):
        path.write_bytes(pickle.dumps({"w": hostile}, protocol=protocol))
        with pytest.raises(WeightsError):
            read_pdparams(path)


# Forged by hand: what no pickler writes.
NUMPY = b"cnumpy.core.multiarray\n_reconstruct\n"
FORGED = {
    "an array without content": b"\x80\x02}X\x01\0\0\0w" + NUMPY + b")Rs.",
    "the class of arrays itself": b"\x80\x02}X\x01\0\0\0wcnumpy\nndarray\ns.",
    "a call of the class of arrays": b"\x80\x02}X\x01\0\0\0wcnumpy\nndarray\n)Rs.",
    "a function of the reader": b"\x80\x02}X\x01\0\0\0w" + NUMPY + b"s.",
    "an attribute set on the class of arrays": b"\x80\x02cnumpy\nndarray\n}X\x01\0\0\0aK\x01sb.",
    "an array larger than its bytes": (
        b"\x80\x02}X\x01\0\0\0w" + NUMPY + b")R(K\x01J\xff\xff\xff\x7f\x85cnumpy\ndtype\n"
        b"X\x02\0\0\0f8\x89\x88\x87R\x89C\x04abcdtbs."
    ),
    "an array with a negative shape": (
        b"\x80\x02}X\x01\0\0\0w" + NUMPY + b")R(K\x01J\xff\xff\xff\xff\x85cnumpy\ndtype\n"
        b"X\x02\0\0\0f8\x89\x88\x87R\x89C\x04abcdtbs."
    ),
    "an array whose lengths have a million digits": (
        b"\x80\x02}X\x01\0\0\0w"
        + NUMPY
        + b")R(K\x01("
        + b"\x8b\x40\x42\x0f\x00"
        + b"\x01" * 1_000_000
        + b"2" * 30_000
        + b"tcnumpy\ndtype\nX\x02\0\0\0f8\x89\x88\x87R\x89C\x04abcdtbs."
    ),
    "an array of objects": (
        b"\x80\x02}X\x01\0\0\0w" + NUMPY + b")R(K\x01K\x01\x85cnumpy\ndtype\n"
        b"X\x02\0\0\0O8\x89\x88\x87R\x89]K\x01atbs."
    ),
    "a promise of more bytes than there are": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\0\0abc.",
    "a persistent id": b"\x80\x02X\x01\0\0\0wQ.",
    "an extension code": b"\x80\x02\x82\x01.",
    "a list": b"\x80\x02]K\x01a.",
    "names that are numbers": b"\x80\x02}K\x01K\x02s.",
    "an unhashable name": b"\x80\x02}]K\x02s.",
    "a list that contains itself twice": b"\x80\x02}X\x01\0\0\0w]q\x00h\x00ah\x00as.",
    "pieces that are not there": pickle.dumps({PIECES_TABLE: {"w": {"slices": ["a"]}}}),
    "pieces that are no arrays": pickle.dumps(
        {PIECES_TABLE: {"w": {"slices": ["a"], "OriginShape": (1,)}}, "a": ["text"]}
    ),
    "pieces that are no table": pickle.dumps({PIECES_TABLE: 3}),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_forged_file_is_refused(forged, tmp_path):
    path = tmp_path / "forged.pdparams"
    path.write_bytes(forged)
    with pytest.raises(WeightsError, match="forged.pdparams: "):
        read_pdparams(path)


def test_a_bomb_of_nested_references_costs_nothing(tmp_path):
    # 2^60 lists when each reference is followed.
    bomb = []
    for _ in range(60):
        bomb = [bomb, bomb]
    path = tmp_path / "bomb.pdparams"
    path.write_bytes(pickle.dumps({"w": bomb}))
    with pytest.raises(WeightsError, match="nested too deeply"):
        read_pdparams(path)


def test_a_damaged_file_never_ends_in_anything_but_a_weights_error(network, tmp_path):
    path = tmp_path / "model.pdparams"
    write_pdparams(network.state_dict(), path)
    good = path.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        bad = bytearray(good[: int(random.integers(len(good)))])
        # The names and shapes are what can do harm; most bytes are just numbers.
        for position in random.integers(0, min(len(bad), 400) + 1, 3):
            bad[position : position + 1] = random.bytes(1)
        path.write_bytes(bad)
        with pytest.raises(WeightsError):
            read_pdparams(path)
        refused += 1
    assert refused == 300


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"\0" * 100, bytes(range(100, 200))])
def test_what_is_no_pickle_is_refused(content, tmp_path):
    path = tmp_path / "text.pdparams"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a Paddle weight file"):
        read_pdparams(path)


def test_an_absent_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(WeightsError, match="absent.pdparams: No such file"):
        read_pdparams(tmp_path / "absent.pdparams")
    with pytest.raises(WeightsError, match="Is a directory"):
        read_pdparams(tmp_path)
