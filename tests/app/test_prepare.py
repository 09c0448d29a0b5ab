import json
import os
import signal

import pytest

from app.command_line import main
from datasets.copies import preparing
from tests.app.small_run import OPTIONS, run, write_corpus


def test_fit_trains_on_prepared_copies(tmp_path, capsys):
    corpus = write_corpus(tmp_path / "videos", n_train=2, n_val=1)
    (corpus / "train/walk/text.avi").write_text("no video")
    output = tmp_path / "prepared"
    assert main(f"prepare {corpus} --output {output} --short_side 32 --workers 1".split()) == 1
    out = capsys.readouterr().out
    assert "9 of 10 videos" in out and "text.avi" in out
    assert f"app fit --data.videos {output}" in out

    words = ["--data.videos", output, "--run_dir", tmp_path / "run", *OPTIONS]
    code, _, err = run("fit", *words, "--train.epochs", "1", "--data.max_failures", "0")
    assert code == 0, err
    assert len(json.loads((tmp_path / "run/metrics.jsonl").read_text())) > 1


def test_nothing_to_copy_fails(tmp_path, capsys):
    for label in ("walk", "run"):
        for name in ("a.avi", "b.avi"):
            (tmp_path / "videos" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "videos" / label / name).write_text("no video")
    assert main(["prepare", str(tmp_path / "videos"), "--output", str(tmp_path / "out")]) == 1
    assert "0 of 4 videos" in capsys.readouterr().out


def test_the_command_for_training_names_the_annotation(tmp_path, capsys):
    corpus = write_corpus(tmp_path / "videos", n_train=1, n_val=1)
    for split in ("train", "val"):
        lines = [f"{split}/{label}/0.mp4,{label}\n" for label in ("walk", "run", "jump")]
        (tmp_path / f"{split}.csv").write_text("".join(lines))
    words = f"prepare {corpus} --annotation {tmp_path} --output {tmp_path}/out --workers 1"
    assert main(words.split()) == 0
    out = capsys.readouterr().out
    assert f"--data.videos {tmp_path}/out --data.annotation {tmp_path}" in out


def test_a_source_that_is_not_there_is_a_mistake_of_the_user(capsys):
    assert main(["prepare", "/no/such/folder"]) == 2
    assert "/no/such/folder" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_finished_copies(tmp_path, capsys, monkeypatch, number):
    corpus = write_corpus(tmp_path / "videos", n_train=2, n_val=1)
    words = ["prepare", str(corpus), "--output", str(tmp_path / "out"), "--workers", "1"]
    write_copy, copied = preparing.write_copy, []

    def signalled(source, target, short_side):
        copied.append(source)
        if len(copied) == 4:
            os.kill(os.getpid(), number)
        return write_copy(source, target, short_side)

    monkeypatch.setattr(preparing, "write_copy", signalled)
    assert main(words) == 128 + number
    assert "the same command makes the others" in capsys.readouterr().out
    assert not list((tmp_path / "out").rglob(".*"))
    assert main(words) == 0
    assert "9 of 9 videos, 3 of them made earlier" in capsys.readouterr().out
