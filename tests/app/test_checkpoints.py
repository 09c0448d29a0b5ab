import json
import os

import pytest

from app.checkpoints import Checkpoints, find, newest_first, newest_whole
from app.errors import UserError
from weights.checkpoint_folder import read_pointer
from weights.errors import WeightsError


def save(folder, name, position, is_best=False, keep=2, **facts):
    def write(aside):
        (aside / "weights").write_bytes(b"w" * 100)
        return {"position": position, **facts}

    Checkpoints(folder, write, keep).save(name, is_best)


@pytest.fixture
def saved(tmp_path):
    """Two epochs of a run in `run/checkpoints`."""
    folder = tmp_path / "run/checkpoints"
    save(folder, "epoch-0001", (1, 0, 4), is_best=True)
    save(folder, "epoch-0002", (2, 0, 8))
    return folder


def test_the_newest_and_the_best_are_kept(tmp_path):
    for epoch in range(1, 6):
        save(tmp_path, f"epoch-{epoch:04d}", (epoch, 0, epoch), is_best=epoch <= 2)
    assert newest_first(tmp_path) == ["epoch-0005", "epoch-0004", "epoch-0002"]
    assert read_pointer(tmp_path / "last") == "epoch-0005"
    assert read_pointer(tmp_path / "best") == "epoch-0002"
    files = ["best", "epoch-0002", "epoch-0004", "epoch-0005", "last"]
    assert sorted(os.listdir(tmp_path)) == files


def test_the_last_one_before_a_divergence_is_kept(tmp_path):
    for step in range(1, 7):
        save(tmp_path, f"step-{step:08d}", (0, step, step), sound=step <= 3)
    assert newest_first(tmp_path) == ["step-00000006", "step-00000005", "step-00000003"]


def test_an_epoch_is_newer_than_its_last_step(tmp_path):
    save(tmp_path, "step-00000001", (0, 1, 1), keep=9)
    save(tmp_path, "epoch-0001", (1, 0, 1), keep=9)
    save(tmp_path, "step-00000002", (1, 1, 2), keep=9)
    assert newest_first(tmp_path) == ["step-00000002", "epoch-0001", "step-00000001"]


def test_a_write_that_fails_leaves_no_checkpoint(tmp_path):
    def fail(path):
        (path / "weights").write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Checkpoints(tmp_path, fail).save("epoch-0001", is_best=True)
    assert os.listdir(tmp_path) == []


def test_a_checkpoint_of_the_same_name_is_replaced(saved):
    (saved / "epoch-0002/weights").write_bytes(b"damaged")
    save(saved, "epoch-0002", (2, 0, 9))
    assert newest_whole(saved, report=None).name == "epoch-0002"
    manifest = json.loads((saved / "epoch-0002/manifest.json").read_text())
    assert manifest["position"] == [2, 0, 9]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"w" * 99), "99 bytes instead of 100"),
        (lambda path: path.write_bytes(b"w" * 99 + b"x"), "content has changed"),
        (lambda path: path.unlink(), "not a complete checkpoint"),
        (lambda path: (path.parent / "manifest.json").unlink(), "not a complete checkpoint"),
        (lambda path: (path.parent / "manifest.json").write_text("[]"), "not a complete"),
        (lambda path: (path.parent / "manifest.json").write_text('{"files": {"a": 1}}'), "not a"),
    ],
)
def test_damage_is_found_and_the_one_before_used(saved, damage, message):
    assert find(saved, "last").name == "epoch-0002"
    damage(saved / "epoch-0002/weights")
    with pytest.raises(WeightsError, match=message):
        find(saved, "epoch-0002")
    reports = []
    assert newest_whole(saved, reports.append).name == "epoch-0001"
    assert len(reports) == 1 and "damaged checkpoint, the one before is used" in reports[0]


def test_a_run_does_not_begin_anew_over_damaged_checkpoints(saved):
    for name in ("epoch-0001", "epoch-0002"):
        (saved / name / "weights").write_bytes(b"")
    with pytest.raises(UserError, match="no checkpoint is whole, nothing was .*0002.*0001"):
        newest_whole(saved, report=None)


def test_where_there_never_was_a_checkpoint_there_is_none(tmp_path):
    assert newest_whole(tmp_path / "checkpoints", report=None) is None


def test_a_name_that_is_not_there_is_answered_with_those_that_are(saved):
    with pytest.raises(UserError, match="no checkpoint 'epoch-0009'; there are: epoch-0002, epoc"):
        find(saved, "epoch-0009")
    with pytest.raises(UserError, match="has no checkpoint yet"):
        find(saved.parent / "other", "best")


@pytest.mark.parametrize("content", ["", "nowhere\n", "../elsewhere\n"])
def test_a_damaged_pointer_is_named_and_ends_no_run(saved, content):
    (saved / "best").write_text(content)
    with pytest.raises(WeightsError, match="best: names .*no checkpoint here"):
        find(saved, "best")
    save(saved, "epoch-0003", (3, 0, 12))
    assert newest_first(saved) == ["epoch-0003", "epoch-0002"]
