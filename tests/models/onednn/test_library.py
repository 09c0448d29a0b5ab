"""What happens where oneDNN, or bfloat16 arithmetic, is not to be had."""

import os
import subprocess
import sys
from pathlib import Path

import paddle
import pytest

import models
from models.onednn import OneDnnLayers, UnavailableError, choose_layers, library
from models.onednn import unavailable_because as reason

available = pytest.mark.skipif(bool(reason()), reason=str(reason()))


@pytest.fixture
def not_loaded_yet():
    """Let the library be looked for again, before and after a test."""
    library.load.cache_clear()
    yield
    library.load.cache_clear()


def assert_paddle_takes_over(because):
    layers, sentence = choose_layers("auto")
    assert type(layers) is models.layers.Layers
    assert because in sentence
    assert models.build(depth=10, n_classes=2, widen_factor=0.1, layers=layers)(
        paddle.zeros([1, 3, 2, 16, 16])
    ).shape == [1, 2]
    with pytest.raises(UnavailableError, match=because):
        choose_layers("onednn")
    with pytest.raises(UnavailableError, match=because):
        choose_layers("auto", "bf16")


def test_a_missing_file(not_loaded_yet, monkeypatch, tmp_path):
    missing = (tmp_path / "libdnnl.so.3", tmp_path / "libiomp5.so")
    monkeypatch.setattr(library, "files", lambda: missing)
    assert_paddle_takes_over("no libdnnl.so.3")


@available
def test_another_version(not_loaded_yet, monkeypatch):
    monkeypatch.setattr(library, "VERSION", (2, 7))
    assert_paddle_takes_over("brings oneDNN 3.6")


@available
def test_a_file_that_is_no_library(not_loaded_yet, monkeypatch, tmp_path):
    other = tmp_path / "libdnnl.so.3"
    other.write_bytes(b"no library")
    monkeypatch.setattr(library, "files", lambda: (other, library_file()))
    assert_paddle_takes_over("cannot be used")


def library_file():
    return Path(paddle.__file__).parent / "libs" / "libiomp5.so"


def test_another_platform(not_loaded_yet, monkeypatch):
    monkeypatch.setattr(library.platform, "system", lambda: "Darwin")
    assert_paddle_takes_over("no oneDNN kernels on Darwin")


@available
def test_bfloat16_is_refused_where_the_processor_lacks_it():
    code = "from models.onednn import unavailable_because as u; print(u(), '|', u('bf16'))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert answer.startswith("None | this processor has no bfloat16 arithmetic")


@available
def test_what_is_chosen_is_said():
    layers, sentence = choose_layers("auto")
    assert isinstance(layers, OneDnnLayers)
    assert sentence.startswith("oneDNN 3.6")
    assert choose_layers("paddle")[1] == "Paddle's kernels, as asked for"
    assert choose_layers("auto", on_gpu=True)[1] == "Paddle's kernels on the GPU"


def test_what_cannot_be_is_refused():
    with pytest.raises(UnavailableError, match="no bfloat16 on a processor"):
        choose_layers("paddle", "bf16")
    with pytest.raises(UnavailableError, match="not for a GPU"):
        choose_layers("onednn", on_gpu=True)
    with pytest.raises(ValueError, match="unknown kernels 'mkl'"):
        choose_layers("mkl")
