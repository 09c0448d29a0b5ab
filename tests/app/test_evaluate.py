import csv
import errno
import json
import os
import shutil
import signal

import numpy as np
import paddle
import pytest

from app.command_line import main
from app.configuration import EvaluateConfig, ScoreConfig
from app.errors import UserError
from app.evaluate import evaluate
from app.evaluation.progress import Progress
from app.inference.eager import DynamicEngine
from app.score import score
from app.stop_signals import Interrupted
from models.onednn import unavailable_because
from tests.app.small_run import OPTIONS, write_corpus
from tests.app.trained import LABELS as NETWORK_LABELS
from tests.app.trained import write_run
from tests.videos import write_video
from weights.description import InputContract, NetworkDescription
from weights.files import save_network

LABELS = ("run", "swim", "jump", "walk")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Nine validation videos of three classes, one of them long; the classes sort as j, r, w."""
    folder = write_corpus(tmp_path_factory.mktemp("videos") / "corpus", n_train=1, n_val=3)
    write_video(folder / "val" / "run" / "1.mp4", frames=90, width=64, height=40, seed=9)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A weight file that knows a fourth class, in another order than the folders."""
    paddle.seed(3)
    description = NetworkDescription(
        "r3d",
        {"depth": 10, "widen_factor": 0.1, "conv1_t_size": 3, "n_classes": 4},
        LABELS,
        InputContract(size=32, frames=4),
    )
    path = tmp_path_factory.mktemp("weights") / "small.pdparams"
    save_network(description.build(), description, path)
    return path


def config(weights, corpus, output, **options):
    return EvaluateConfig(
        str(weights),
        videos=str(corpus),
        output=str(output),
        **{"device": "cpu", "engine": "dynamic", "workers": 0, "batch_size": 4, **options},
    )


def stored(report):
    return json.loads(report.path.read_text())


def test_the_files_of_an_evaluation_agree_with_each_other(weights, corpus, tmp_path):
    report = evaluate(config(weights, corpus, tmp_path, views="windows:4", top_k=4))
    values = stored(report)
    assert report.exit_code == 0
    assert (values["split"], values["views"], values["videos"]) == ("val", "windows:4", 9)
    # Eight videos of 12 frames, one of 90.
    assert values["clips"] == 8 * 3 + 23
    files = report.files
    assert {path.name for path in tmp_path.iterdir()} == {
        "val-corpus-windows4.json",
        "val-corpus-windows4.predictions.json",
        "val-corpus-windows4.classes.csv",
        "val-corpus-windows4.confusion.png",
        "val-corpus-windows4.videos.csv",
    }
    assert files.confusion.read_bytes().startswith(b"\x89PNG")

    truth = {
        path.relative_to(corpus).as_posix(): path.parent.name for path in corpus.glob("val/*/*")
    }
    database = {
        name: {"subset": "validation", "annotations": {"label": label}}
        for name, label in truth.items()
    }
    annotation = tmp_path / "annotation.json"
    annotation.write_text(json.dumps({"labels": LABELS, "database": database}))
    scored = score(ScoreConfig(str(files.predictions), str(annotation), k=(1, 3)))
    assert scored.accuracy[1] == values["video_top1"]

    with files.classes.open() as file:
        classes = list(csv.DictReader(file))
    assert [row["class"] for row in classes] == ["run", "jump", "walk"]
    assert all(row["videos"] == "3" for row in classes)
    accuracies = [float(row["top1"]) for row in classes]
    assert np.mean(accuracies) == values["mean_class_accuracy"]
    # Every class has as many videos.
    assert np.mean(accuracies) == pytest.approx(values["video_top1"])
    mistakes = sum(line["times"] for line in values["worst_confusions"])
    assert mistakes == round(9 * (1 - values["video_top1"]))


def test_the_score_of_a_video_is_the_mean_over_its_views(weights, corpus, tmp_path):
    from datasets.clips.clip_shape import ClipShape
    from datasets.clips.views import Views
    from datasets.decoding.video_reader import VideoReader
    from weights.files import load_network

    evaluate(config(weights, corpus, tmp_path, views="even:3,crops:3", top_k=4))
    predictions = json.loads((tmp_path / "val-corpus-even3-crops3.predictions.json").read_text())
    network, description = load_network(weights)
    network.eval()
    mean, std = (
        np.array(v)[:, None, None, None] for v in (description.input.mean, description.input.std)
    )
    name = "val/run/1.mp4"
    with VideoReader(corpus / name) as video:
        times, crops = Views.parse("even:3,crops:3").clips(len(video), 64, 40, ClipShape(4, 1, 32))
        clips = video.read_clips(times, crops, 32)
    logits = network(paddle.to_tensor(((clips / 255 - mean) / std).astype("float32"))).numpy()
    powers = np.exp(logits)
    expected = (powers / powers.sum(1, keepdims=True)).mean(0)
    got = {entry["label"]: entry["score"] for entry in predictions["results"][name]}
    np.testing.assert_allclose([got[label] for label in LABELS], expected, atol=1e-5)
    ranked = [entry["score"] for entry in predictions["results"][name]]
    assert ranked == sorted(ranked, reverse=True)


@pytest.mark.parametrize("views", ["windows:4", "even:2"])
def test_the_number_of_workers_and_the_engine_change_nothing(weights, corpus, tmp_path, views):
    def run(name, **options):
        report = evaluate(config(weights, corpus, tmp_path / name, views=views, **options))
        return stored(report), report.files.predictions.read_bytes()

    values, predictions = run("a")
    assert run("b", workers=3) == (values, predictions)
    inference, _ = run("c", engine="inference")
    assert inference.pop("engine") == "paddle.inference on cpu"
    assert inference.pop("loss") == pytest.approx(values.pop("loss"), rel=1e-4)
    values.pop("engine")
    assert inference == values


def interrupt_after(monkeypatch, n_batches, number=signal.SIGTERM):
    """Send this process a signal after some batches."""
    real, seen = DynamicEngine.logits, []

    def logits(engine, clips):
        if len(seen) == n_batches:
            signal.raise_signal(number)
        seen.append(None)
        return real(engine, clips)

    monkeypatch.setattr(DynamicEngine, "logits", logits)
    return seen


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("views", ["windows:4", "even:2"])
def test_an_interrupted_evaluation_resumes_to_the_same_end(
    weights, corpus, tmp_path, monkeypatch, views, workers
):
    (corpus / "val" / "run" / "0bad.mp4").write_bytes(b"")
    try:
        whole = evaluate(config(weights, corpus, tmp_path / "whole", views=views))
        options = {"views": views, "workers": workers}
        with monkeypatch.context() as patch:
            seen = interrupt_after(patch, 3)
            stopped = evaluate(config(weights, corpus, tmp_path / "part", **options))
        assert isinstance(stopped, Interrupted) and stopped.exit_code == 143
        assert str(stopped).startswith("stopped after ") and "--resume" in str(stopped)
        assert len(seen) == 3
        report = evaluate(config(weights, corpus, tmp_path / "part", resume=True, **options))
    finally:
        (corpus / "val" / "run" / "0bad.mp4").unlink()
    assert stored(report) == stored(whole)
    assert report.files.predictions.read_bytes() == whole.files.predictions.read_bytes()
    assert not report.files.progress.exists()
    assert whole.exit_code == report.exit_code == 1
    assert [path.rsplit("/", 1)[1] for path in report.failed] == ["0bad.mp4"]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_evaluation_that_could_not_write_its_report_is_resumed(
    weights, corpus, tmp_path, monkeypatch, workers
):
    whole = evaluate(config(weights, corpus, tmp_path / "whole"))

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(UserError, match="No space left on device; 9 of 9 videos scored"):
            evaluate(config(weights, corpus, tmp_path / "full"))
    assert [path.suffix for path in (tmp_path / "full").iterdir()] == [".partial"]
    monkeypatch.setattr(DynamicEngine, "logits", None)
    report = evaluate(config(weights, corpus, tmp_path / "full", resume=True, workers=workers))
    assert stored(report) == stored(whole)
    assert not report.files.progress.exists()


def test_a_full_disk_is_one_line(weights, corpus, tmp_path, monkeypatch, capsys):
    def fail(progress, records):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(progress.path))

    monkeypatch.setattr(Progress, "add", fail)
    words = f"evaluate {weights} --videos {corpus} --output {tmp_path} --device cpu --workers 0"
    assert main([*words.split(), "--engine", "dynamic"]) == 2
    err = capsys.readouterr().err
    assert "val-corpus.partial: cannot be written: No space left" in err and err.count("\n") == 1


def test_a_resume_of_another_evaluation_is_refused(weights, corpus, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2, signal.SIGINT)
        assert evaluate(config(weights, corpus, tmp_path)).exit_code == 130
    words = f"evaluate {weights} --videos {corpus} --output {tmp_path} --device cpu --workers 0"
    words = [*words.split(), "--engine", "dynamic", "--resume"]
    assert main([*words, "--batch_size", "2"]) == 2
    err = capsys.readouterr().err
    assert "of another batch_size (4, now 2)" in err and err.count("\n") == 1
    assert main([*words, "--batch_size", "4"]) == 0
    # There is nothing to resume now: it begins anew.
    assert main([*words, "--batch_size", "2"]) == 0


def test_failed_videos_count_as_wrong_in_every_number(weights, corpus, tmp_path, capsys):
    bad = corpus / "val" / "jump" / "bad.mp4"
    good = stored(evaluate(config(weights, corpus, tmp_path / "good")))
    bad.write_bytes(b"no video")
    try:
        report = evaluate(config(weights, corpus, tmp_path / "bad"))
    finally:
        bad.unlink()
    values = stored(report)
    assert values["video_top5"] == pytest.approx(0.9) and good["video_top5"] == 1.0
    assert list(values["failed"]) == [str(bad)]
    assert report.exit_code == 1
    assert "1 video could not be read and counts as wrong" in str(report)
    jump = next(row for row in report.per_class() if row["class"] == "jump")
    assert jump["videos"] == 4 and jump["top5"] == 0.75
    assert json.loads(report.files.failures.read_text())["path"] == str(bad)


def test_splits_and_views_have_files_of_their_own(weights, corpus, tmp_path):
    evaluate(config(weights, corpus, tmp_path))
    evaluate(config(weights, corpus, tmp_path, split="train"))
    evaluate(config(weights, corpus, tmp_path, views="even:3"))
    evaluate(config(weights, corpus, tmp_path, views="even:2"))
    reports = sorted(path.name for path in tmp_path.glob("*.json") if "pred" not in path.name)
    assert reports == ["train-corpus.json", "val-corpus-even2.json", "val-corpus.json"]


@pytest.mark.skipif(bool(unavailable_because("bf16")), reason=str(unavailable_because("bf16")))
def test_bfloat16_has_a_file_of_its_own_and_the_same_classes(weights, corpus, tmp_path, capsys):
    exact = evaluate(config(weights, corpus, tmp_path))
    report = evaluate(config(weights, corpus, tmp_path, engine="auto", precision="bf16"))
    assert report.path.name == "val-corpus-bf16.json"
    assert "differ from those in float32 by at most" in capsys.readouterr().err
    assert report.engine == "oneDNN in bfloat16 on cpu"
    assert report.evaluation.loss == pytest.approx(exact.evaluation.loss, rel=0.02)
    assert report.evaluation.loss != exact.evaluation.loss


def test_named_videos_are_evaluated_whole_and_the_validation_of_the_run_is_kept(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", n_train=1, n_val=1, classes=NETWORK_LABELS)
    run = write_run(tmp_path / "run", corpus)
    own = evaluate(EvaluateConfig(str(run), device="cpu", workers=0))
    assert (own.split, len(own.true_classes), own.path.name) == ("val", 4, "val.json")
    before = own.path.read_bytes()
    # Five videos of each class, without a split of their own.
    others = write_corpus(tmp_path / "a" / "test set", n_val=5, classes=NETWORK_LABELS) / "val"
    report = evaluate(EvaluateConfig(str(run), videos=str(others), device="cpu", workers=0))
    assert (report.split, len(report.true_classes)) == ("all", 20)
    assert report.path == run / "evaluation" / "all-val.json"
    part = EvaluateConfig(str(run), "val", videos=str(others), device="cpu", workers=0)
    assert len(evaluate(part).true_classes) == 4
    # Two folders of one name.
    shutil.copytree(others, tmp_path / "b" / "val")
    others = str(tmp_path / "b" / "val")
    second = evaluate(EvaluateConfig(str(run), videos=others, device="cpu", workers=0))
    assert second.path.name == "all-val-2.json"
    again = evaluate(EvaluateConfig(str(run), videos=others, device="cpu", workers=0))
    assert again.path.name == "all-val-2.json"
    assert stored(report)["videos"] == 20
    assert own.path.read_bytes() == before


def test_a_split_that_comes_with_the_videos_can_be_chosen(weights, corpus, tmp_path):
    def n_videos(**options):
        return len(evaluate(config(weights, corpus, tmp_path, **options)).true_classes)

    assert (n_videos(), n_videos(split="train"), n_videos(split="all")) == (9, 3, 12)


def test_a_run_with_an_annotation_is_evaluated_on_its_moved_videos_and_on_others(tmp_path, capsys):
    corpus = write_corpus(tmp_path / "corpus", n_train=1, n_val=1, classes=NETWORK_LABELS)
    lines = [f"{path.relative_to(corpus)},{path.parent.name}" for path in corpus.rglob("*.mp4")]
    (tmp_path / "lists").mkdir()
    for split in ("train", "val"):
        own = sorted(line for line in lines if line.startswith(split))
        (tmp_path / "lists" / f"{split}.csv").write_text("\n".join(own) + "\n")
    run = write_run(tmp_path / "run", corpus, annotation=tmp_path / "lists")
    corpus.rename(tmp_path / "moved")
    options = {"device": "cpu", "workers": 0}
    moved = evaluate(EvaluateConfig(str(run), videos=str(tmp_path / "moved"), **options))
    assert (moved.split, len(moved.true_classes)) == ("val", 4)
    write_corpus(tmp_path / "others", n_val=2, classes=NETWORK_LABELS)
    (tmp_path / "others" / "val").rename(tmp_path / "mine")
    capsys.readouterr()
    report = evaluate(EvaluateConfig(str(run), videos=str(tmp_path / "mine"), **options))
    assert (report.split, len(report.true_classes)) == ("all", 8)
    assert "are not the videos of the run" in capsys.readouterr().out


MISTAKES = [
    ("--views odd:3", "--views odd:3: expected even:CLIPS"),
    ("--split test", "no split named 'test'"),
    ("--videos /nonexistent", "/nonexistent"),
    ("--videos {empty}", "{empty}"),
    ("--videos {unknown}", "does not know 'fly'"),
    ("--videos {broken}", "none of the 2 videos could be read"),
    ("--output /proc/nothing", "--output"),
    ("--labels {labels}", "2 class names for a network of 4 classes"),
    ("--device gpu", "gpu"),
    ("--nonsense 1", "--nonsense"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES)
def test_mistakes_end_in_one_line_and_exit_code_2(
    weights, corpus, tmp_path, capfd, options, message
):
    places = {name: tmp_path / name for name in ("empty", "unknown", "broken", "labels")}
    places["empty"].mkdir()
    places["labels"].write_text("a\nb\n")
    for split in ("train", "val"):
        for name, labels in (("unknown", ("run", "fly")), ("broken", ("run", "jump"))):
            for label in labels:
                folder = places[name] / split / label
                folder.mkdir(parents=True)
                (folder / "video.mp4").write_bytes(b"")
    words = f"--videos {corpus} --output {tmp_path / 'out'} --workers 0 {options}"
    words = words.format(**places).split()
    assert main(["evaluate", str(weights), *words, "--engine", "dynamic"]) == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and message.format(**places) in lines[0]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nothing", "no such run folder"),
        ("folder", "not a run folder"),
        ("text.txt", "not a .pdparams file"),
        ("run", "no checkpoint yet"),
        ("alone.pdparams", "alone.json"),
    ],
)
def test_what_is_no_trained_network_is_refused(corpus, tmp_path, capsys, what, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text("")
    (tmp_path / "alone.pdparams").write_bytes(b"")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("run_dir: x\n")
    assert main(["evaluate", str(tmp_path / what), "--videos", str(corpus)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and message in err


def test_a_weight_file_needs_videos_and_class_names(weights, corpus, tmp_path, capsys):
    assert main(["evaluate", str(weights)]) == 2
    assert "name the videos to evaluate it on: --videos" in capsys.readouterr().err
    nameless = tmp_path / "nameless.pdparams"
    nameless.write_bytes(weights.read_bytes())
    description = json.loads(weights.with_suffix(".json").read_text())
    nameless.with_suffix(".json").write_text(json.dumps({**description, "labels": None}))
    words = ["evaluate", str(nameless), "--videos", str(corpus), "--engine", "dynamic"]
    assert main(words) == 2
    assert "--labels FILE" in capsys.readouterr().err
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    assert main([*words, "--labels", str(tmp_path / "labels.txt")]) == 0
    assert (tmp_path / "evaluation" / "nameless" / "val-corpus.json").is_file()


@pytest.mark.slow
def test_a_run_and_its_export_are_evaluated_alike(corpus, tmp_path, capsys):
    run = tmp_path / "run"
    words = f"--run_dir {run} --data.videos {corpus} --train.epochs 1".split()
    assert main(["fit", *OPTIONS, *words]) == 0
    assert main(["export", str(run), "--output", str(tmp_path / "exported")]) == 0
    assert main(["evaluate", str(run), "--workers", "0"]) == 0
    words = f"--videos {corpus} --views even:2 --workers 0".split()
    assert main(["evaluate", str(tmp_path / "exported"), *words]) == 0
    ours = json.loads((run / "evaluation" / "val.json").read_text())
    theirs = json.loads((tmp_path / "exported/evaluation/val-corpus-even2.json").read_text())
    assert ours.pop("checkpoint") == "epoch-0001" and theirs.pop("checkpoint") == "exported"
    assert ours.pop("source") is None and theirs.pop("source") == str(corpus)
    assert ours == theirs
