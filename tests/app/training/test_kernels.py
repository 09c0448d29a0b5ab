"""What a training computes with, and that a killed run goes on to the same bits with it."""

import os

import pytest

from app.command_line import main
from models.onednn import unavailable_because
from tests.app.small_run import OPTIONS, start, write_corpus
from tests.app.test_resume import records, wait_for_checkpoint, weights

LONG = [*OPTIONS, "--train.epochs", "4", "--checkpoint.every_steps", "2", "--train.workers", "2"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_killed_run_goes_on_to_the_same_bits_on_onednn(
    corpus, tmp_path, capfd, precision, workers
):
    if reason := unavailable_because(precision):
        pytest.skip(reason)
    kernels = ["--train.kernels", "onednn", "--train.precision", precision, "--train.threads", "1"]
    arguments = ["fit", "--data.videos", str(corpus), *LONG, *kernels, "--train.workers", workers]
    assert main([*arguments, "--run_dir", str(tmp_path / "whole")]) == 0
    assert "computing with oneDNN" in capfd.readouterr().out
    process = start(*arguments, "--run_dir", tmp_path / "killed")
    wait_for_checkpoint(process, tmp_path / "killed", "step-*4")
    process.kill()
    process.communicate(timeout=60)
    assert main(["fit", "--run_dir", str(tmp_path / "killed"), "--resume"]) == 0
    assert records(tmp_path / "whole") == records(tmp_path / "killed")
    assert weights(tmp_path / "whole") == weights(tmp_path / "killed")


def test_paddles_kernels_have_no_bfloat16_and_recomputing_no_onednn(corpus, capsys, tmp_path):
    arguments = ["fit", "--data.videos", str(corpus), *OPTIONS, "--run_dir", str(tmp_path / "run")]
    assert main([*arguments, "--train.recompute", "--train.precision", "bf16"]) == 2
    assert "bfloat16" in capsys.readouterr().err
    assert main([*arguments, "--train.recompute", "--train.kernels", "onednn"]) == 2
    assert "--train.recompute" in capsys.readouterr().err
    assert not os.path.exists(tmp_path / "run" / "checkpoints")
