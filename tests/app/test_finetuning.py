"""Starting a run from the weights of another one."""

import dataclasses
import json

import numpy as np
import paddle
import pytest

from app.errors import UserError
from app.fit import fit
from tests.app.small_run import write_corpus
from tests.app.test_fit import small_config
from weights.errors import WeightsError


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretraining")
    config = small_config(write_corpus(folder / "videos"), folder / "run", epochs=1)
    config.model.mean, config.model.std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    fit(config)
    return folder / "run"


@pytest.fixture(scope="module")
def other_corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    return write_corpus(folder, classes=("sit", "stand", "lie", "kneel"))


def finetuning(pretrained, corpus, run_dir, **model):
    config = small_config(corpus, run_dir)
    fields = {field.name: field.default for field in dataclasses.fields(config.model)}
    config.model = type(config.model)(**{**fields, "pretrained": str(pretrained), **model})
    return config


def state(run_dir):
    name = (run_dir / "checkpoints/last").read_text().strip()
    return paddle.load(str(run_dir / f"checkpoints/{name}/model.pdparams"), return_numpy=True)


def test_earlier_tensors_stay_byte_identical_and_the_head_is_new(
    pretrained, other_corpus, tmp_path, capsys
):
    config = finetuning(pretrained, other_corpus, tmp_path / "run", finetune_from="layer4")
    config.optim.weight_decay = 0.1
    fit(config)
    before, after = state(pretrained), state(tmp_path / "run")
    assert after["fc.bias"].shape == (4,)
    for name, value in before.items():
        if name.startswith("fc."):
            continue
        same = value.tobytes() == after[name].tobytes()
        assert same != name.startswith("layer4."), name
    out = capsys.readouterr().out
    assert "head: new, 4 classes instead of 3 others" in out
    assert "trained: layer4, fc" in out
    assert "frozen, BatchNorm statistics included" in out


def test_the_input_contract_follows_the_weights(pretrained, other_corpus, tmp_path):
    fit(finetuning(pretrained, other_corpus, tmp_path / "run"))
    described = json.loads((tmp_path / "run/checkpoints/epoch-0002/model.json").read_text())
    assert described["input"]["mean"] == [0.5, 0.5, 0.5]
    assert described["options"]["widen_factor"] == 0.1
    assert "mean:\n  - 0.5" in (tmp_path / "run/config.yaml").read_text()


def test_a_contradicted_contract_is_reported(pretrained, other_corpus, tmp_path, capsys):
    config = finetuning(pretrained, other_corpus, tmp_path / "run", mean=(0.1, 0.1, 0.1))
    fit(config)
    assert "mean [0.1, 0.1, 0.1], but the weights were trained with [0.5" in capsys.readouterr().out


def test_a_network_that_the_weights_do_not_fit_is_an_error(pretrained, other_corpus, tmp_path):
    with pytest.raises(WeightsError, match="depth 10"):
        fit(finetuning(pretrained, other_corpus, tmp_path / "run", depth=18))
    assert not (tmp_path / "run").exists()


def test_an_unknown_module_is_an_error_that_lists_the_names(pretrained, other_corpus, tmp_path):
    with pytest.raises(UserError, match=r"no module 'layer5'.*conv1.*layer4, fc"):
        fit(finetuning(pretrained, other_corpus, tmp_path / "run", finetune_from="layer5"))


def test_a_finetuning_run_resumes_without_its_pretrained_file(other_corpus, pretrained, tmp_path):
    copy = tmp_path / "copy.pdparams"
    source = pretrained / "checkpoints/epoch-0001/model.pdparams"
    copy.write_bytes(source.read_bytes())
    copy.with_suffix(".json").write_bytes(source.with_suffix(".json").read_bytes())
    straight = finetuning(copy, other_corpus, tmp_path / "straight", finetune_from="layer3")
    straight.train.epochs = 2
    fit(straight)
    halted = finetuning(copy, other_corpus, tmp_path / "halted", finetune_from="layer3")
    halted.train.epochs = 1
    fit(halted)
    copy.unlink()
    halted.train.epochs = 2
    halted.resume = True
    # A resumed run begins with what the first part settled.
    from app.run_folder import RunFolder

    halted.model = RunFolder(tmp_path / "halted").read_config().model
    fit(halted)
    one, two = state(tmp_path / "straight"), state(tmp_path / "halted")
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


def test_the_head_learns_faster_when_asked(pretrained, other_corpus, tmp_path):
    moved = []
    for multiplier in (1.0, 10.0, 19.0):
        run_dir = tmp_path / str(multiplier)
        config = finetuning(pretrained, other_corpus, run_dir, finetune_from="fc")
        config.optim.head_lr_multiplier = multiplier
        config.optim.momentum = config.optim.weight_decay = 0.0
        config.optim.lr = 1e-7
        config.train.epochs = 1
        fit(config)
        # Not the bias: over an epoch its steps may cancel down to rounding errors.
        moved.append(state(run_dir)["fc.weight"].astype(np.float64))
    nine_steps, eighteen_steps = (np.abs(later - moved[0]).sum() for later in moved[1:])
    assert nine_steps > 0
    assert 1.8 < eighteen_steps / nine_steps < 2.2
