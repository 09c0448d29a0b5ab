import paddle
import pytest

from weights.description import InputContract, NetworkDescription
from weights.errors import WeightsError
from weights.files import save_network
from weights.pretrained import resolve

DESCRIPTION = NetworkDescription(
    "r3d", {"depth": 10, "widen_factor": 0.25, "n_classes": 2}, ("a", "b"), InputContract()
)


@pytest.fixture
def checkpoints():
    """Makes files of PyTorch, where it is installed."""
    from tests.weights import checkpoints

    return checkpoints


def save_checkpoint(folder, **changes):
    """A checkpoint folder, as a run has them."""
    description = NetworkDescription(**{**vars(DESCRIPTION), **changes})
    save_network(description.build(), description, folder / "model.pdparams")
    return description


def test_a_converted_file_is_taken_as_described(tmp_path):
    save_checkpoint(tmp_path)
    source = resolve(tmp_path / "model.pdparams")
    assert source.description == DESCRIPTION
    assert source.path == tmp_path / "model.pdparams"
    assert not source.inflate


def test_a_run_gives_its_best_checkpoint_or_else_its_last(tmp_path):
    checkpoints_folder = tmp_path / "checkpoints"
    for epoch in (1, 2):
        save_checkpoint(checkpoints_folder / f"epoch-000{epoch}")
    (checkpoints_folder / "last").write_text("epoch-0002\n")
    assert resolve(tmp_path).path == checkpoints_folder / "epoch-0002" / "model.pdparams"
    (checkpoints_folder / "best").write_text("epoch-0001\n")
    assert resolve(tmp_path).path == checkpoints_folder / "epoch-0001" / "model.pdparams"
    named = resolve(checkpoints_folder / "epoch-0002")
    assert named.path == checkpoints_folder / "epoch-0002" / "model.pdparams"


@pytest.mark.parametrize("pointer", ["epoch-0009", "", "../elsewhere", "/etc"])
def test_a_run_that_names_no_checkpoint_is_refused(pointer, tmp_path):
    save_checkpoint(tmp_path / "elsewhere")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "best").write_text(pointer)
    with pytest.raises(WeightsError, match="best: names .*which is no checkpoint"):
        resolve(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="no run with a checkpoint"):
        resolve(tmp_path)


def test_a_pytorch_file_is_converted_once(checkpoints, tmp_path):
    path = tmp_path / "some.pth"
    checkpoints.torch.save(checkpoints.small_state(), path)
    first = resolve(path)
    assert first.path == tmp_path / "some.pdparams" and len(first.notes) == 1
    written = first.path.stat().st_mtime_ns
    second = resolve(path)
    assert second.notes == () and second.path.stat().st_mtime_ns == written
    assert second.description == first.description
    # Another file of the same name is converted anew.
    checkpoints.torch.save(checkpoints.small_state(n_classes=7), path)
    assert resolve(path).description.options["n_classes"] == 7


def test_a_published_name_is_looked_for_in_the_folder(checkpoints, tmp_path):
    checkpoints.torch.save(checkpoints.small_state(), tmp_path / "r3d18_K_200ep.pth")
    source = resolve("r3d18_K_200ep", tmp_path)
    assert source.path == tmp_path / "r3d18_K_200ep.pdparams" and source.notes
    (tmp_path / "r3d18_K_200ep.pth").unlink()
    assert resolve("r3d18_K_200ep", tmp_path).notes == ()


def test_an_absent_published_name_says_how_to_get_it(tmp_path):
    with pytest.raises(WeightsError, match=r"download it by hand from https://.*'imagenet'"):
        resolve("r3d18_K_200ep", tmp_path)


def test_a_file_without_description_is_read_from_its_tensors(tmp_path):
    save_checkpoint(tmp_path)
    (tmp_path / "model.json").unlink()
    source = resolve(tmp_path / "model.pdparams")
    assert source.description.options["widen_factor"] == 0.25
    assert source.description.options["n_classes"] == 2
    assert source.description.labels is None
    assert "no model.json beside it" in source.notes[0]


@pytest.mark.parametrize(
    ("pretrained", "trouble"),
    [
        ("r3d18_K_200", "did you mean r3d18_K_200ep"),
        ("kinetics", "python -m app weights lists them"),
        ("some/where", "some/where: no such file or folder"),
        ("absent.pth", "absent.pth: no such file or folder"),
    ],
)
def test_what_there_is_not_is_named(pretrained, trouble, tmp_path):
    with pytest.raises(WeightsError, match=trouble):
        resolve(pretrained, tmp_path)


def test_another_networks_file_is_refused(tmp_path):
    paddle.save({"stem.weight": paddle.zeros([3])}, str(tmp_path / "other.pdparams"))
    with pytest.raises(WeightsError, match="no conv1.weight"):
        resolve(tmp_path / "other.pdparams")
