import pytest

from app.configuration import EvaluateConfig
from app.errors import UserError
from app.evaluate import evaluate
from app.inference.open_engine import open_engine
from app.run_folder import RunFolder
from app.trained import find_trained
from tests.app.small_run import write_corpus
from tests.app.trained import CONTRACT, LABELS, write_checkpoint, write_run, write_weights


@pytest.fixture
def run(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", n_train=1, n_val=1)
    return write_run(tmp_path / "run", corpus)


def test_a_run_is_found_with_everything_that_belongs_to_it(run):
    trained = find_trained(run, "best")
    assert (trained.name, trained.checkpoint) == ("epoch-0001", "best")
    assert trained.weights == run / "checkpoints" / "epoch-0001" / "model.pdparams"
    assert (trained.description.labels, trained.description.input) == (LABELS, CONTRACT)
    assert trained.configuration.clip.size == CONTRACT.size
    assert trained.evaluations == run / "evaluation"
    assert trained.export == run / "export" / "best"


def test_best_stays_what_it_was_when_it_was_found(run):
    trained = find_trained(run)
    write_checkpoint(run, epoch=2, seed=1)
    assert trained.name == "epoch-0001"
    open_engine(trained, device="cpu")
    assert find_trained(run).name == "epoch-0002"


def test_a_weight_file_and_an_export_are_found(run, tmp_path):
    weights = find_trained(write_weights(tmp_path / "w" / "small.pdparams"))
    assert (weights.name, weights.checkpoint) == ("small.pdparams", None)
    assert not weights.is_exported
    assert weights.evaluations == tmp_path / "w" / "evaluation" / "small"
    open_engine(run, device="cpu")
    exported = find_trained(run / "export" / "best")
    assert exported.is_exported and exported.name == "best"
    assert exported.description.labels == LABELS
    assert exported.evaluations == run / "export" / "best" / "evaluation"


def test_an_evaluation_looks_for_its_checkpoint_once(run, monkeypatch):
    asked, find = [], RunFolder.find_checkpoint

    def counted(folder, name):
        asked.append(name)
        return find(folder, name)

    monkeypatch.setattr(RunFolder, "find_checkpoint", counted)
    report = evaluate(EvaluateConfig(str(run), workers=0, device="cpu"))
    assert asked == ["best"]
    assert report.network == "epoch-0001"


@pytest.mark.parametrize("name", ["nothing", "text.txt"])
def test_what_is_no_trained_network_is_refused(tmp_path, name):
    (tmp_path / "text.txt").write_text("")
    with pytest.raises(UserError, match=name):
        find_trained(tmp_path / name)
