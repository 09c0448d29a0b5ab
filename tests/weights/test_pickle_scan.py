import io
import pickle
import sys
import zipfile

import numpy as np
import pytest

from weights.errors import WeightsError
from weights.pickle_scan import HostilePickleError, scan
from weights.safe_reading import read_pdparams
from weights.torch_files import read_state_dict

DEEP_KEY = b"\x80\x02}N" + b"\x85" * 300_000 + b"Ns."
HOSTILE = {
    "a tuple nested deeply, as a key": DEEP_KEY,
    "the same through tuples of two": b"\x80\x02}N" + b"N\x86" * 300_000 + b"Ns.",
    "the same through marks": b"\x80\x02}" + b"(" * 300_000 + b"t" * 300_000 + b"Ns.",
    "the same from memory": b"\x80\x02}Nq\x00" + b"0h\x00\x85q\x00" * 300_000 + b"Ns.",
    "the same in lists": b"\x80\x02}" + b"]" * 300_000 + b"a" * 299_999 + b"s.",
    "tuples that hold each other twice, as a key": b"\x80\x02}N" + b"2\x86" * 60 + b"Ns.",
    "the same as a name in memory": b"\x80\x02}N" + b"q\x00h\x00\x86" * 60 + b"Ns.",
    "more values than any network": b"\x80\x02}]" + b"Na" * 600_000 + b"Ns.",
    "bytes in an encoding that takes hours": (
        b"\x80\x02}c_codecs\nencode\nX\x02\0\0\0abX\x08\0\0\0punycode\x86RNs."
    ),
    "the same in newer words": (
        b"\x80\x04}\x8c\x07_codecs\x8c\x06encode\x93X\x02\0\0\0abX\x08\0\0\0punycode\x86RNs."
    ),
    "a number in its memory": b"\x80\x02}r\x00\x00\x00\x20.",
    "a number in its memory, as text": b"\x80\x02}p999999999\n.",
    "bytes that are not there": b"\x80\x04}B\xff\xff\xff\x7f.",
    "many bytes that are not there": b"\x80\x04}\x8e\xff\xff\xff\xff\xff\x00\x00\x00.",
    "a frame that is not there": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\x00\x00}.",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_in_one_line(content, tmp_path):
    path = tmp_path / "hostile.pdparams"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"hostile\.pdparams"):
        read_pdparams(path)


@pytest.mark.parametrize("kind", ["old", "zip"])
def test_hostile_checkpoints_of_pytorch_are_refused(kind, tmp_path):
    pytest.importorskip("torch", reason="needs PyTorch")
    path = tmp_path / "hostile.pth"
    if kind == "old":
        path.write_bytes(DEEP_KEY)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", DEEP_KEY)
            archive.writestr("archive/version", "3\n")
        assert path.stat().st_size < 4000
    with pytest.raises(WeightsError, match="nested more than 100 deep"):
        read_state_dict(path)


def test_a_compressed_checkpoint_is_not_read_as_numbers(tmp_path):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    torch.save({"w": torch.zeros(1000)}, tmp_path / "sound.pth")
    assert list(read_state_dict(tmp_path / "sound.pth")) == ["w"]
    with (
        zipfile.ZipFile(tmp_path / "sound.pth") as sound,
        zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in sound.infolist():
            packed.writestr(entry.filename, sound.read(entry))
    with pytest.raises(WeightsError, match="compressed"):
        read_state_dict(tmp_path / "packed.pth")


def test_without_pytorch_a_checkpoint_is_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "some.pth").touch()
    with pytest.raises(WeightsError, match=r"some\.pth: PyTorch is needed.*any CPU build"):
        read_state_dict(tmp_path / "some.pth")


@pytest.mark.parametrize("protocol", range(6))
def test_sound_pickles_pass(protocol):
    content = {
        f"layer{n}": [np.arange(n), (n, {"a": None, "b": (1.5, "x")}, [[[]]])] for n in range(300)
    }
    data = pickle.dumps(content, protocol)
    scan(io.BytesIO(data), len(data))


def test_depth_is_counted_through_containers_that_grow():
    nested = ()
    for _ in range(120):
        nested = ([nested, 1],)
    data = pickle.dumps(nested)
    with pytest.raises(HostilePickleError, match="nested"):
        scan(io.BytesIO(data), len(data))


def test_long_numbers_are_passed_over():
    content = {"weight": bytes(range(256)) * 1000, "name": "é" * 100_000, "after": (1, 2)}
    for protocol in (2, 4):
        data = pickle.dumps(content, protocol)
        scan(io.BytesIO(data), len(data))
        with pytest.raises((ValueError, HostilePickleError), match="exhausted|announces"):
            scan(io.BytesIO(data[: len(data) // 2]), len(data) // 2)
