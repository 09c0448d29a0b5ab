import json

from app.command_line import main
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
