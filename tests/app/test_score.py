import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.command_line import main
from app.configuration import ScoreConfig
from app.errors import UserError
from app.evaluation.result_file import best_classes, read_results, result_json
from app.score import score
from tests.app.small_run import PROJECT, write_corpus

UCF101 = PROJECT.parent / "shared" / "ucf101"
LABELS = ["jump", "run", "walk"]
TRUTH = {"a": "jump", "b": "run", "c": "walk", "d": "walk"}


def write(folder, results, truth=TRUTH, subset="validation"):
    """A result file and its annotation; a result is a list of class names, best first."""
    predictions, annotation = folder / "predictions.json", folder / "annotation.json"
    ranked = {
        video_id: [{"label": label, "score": 0.5 ** (n + 1)} for n, label in enumerate(labels)]
        for video_id, labels in results.items()
    }
    predictions.write_text(json.dumps({"results": ranked}))
    database = {
        video_id: {"subset": subset, "annotations": {"label": label, "segment": [1, 17]}}
        for video_id, label in truth.items()
    }
    database["t"] = {"subset": "training", "annotations": {"label": "run"}}
    annotation.write_text(json.dumps({"labels": LABELS, "database": database}))
    return str(predictions), str(annotation)


@pytest.mark.skipif(not UCF101.is_dir(), reason="needs the result file in ../shared/ucf101")
def test_the_original_result_file_scores_as_it_did_there():
    """The two numbers are those of the original's eval_accuracy.py."""
    result = score(
        ScoreConfig(str(UCF101 / "predictions_val.json"), str(UCF101 / "ucf101_01.json"))
    )
    assert result.accuracy == {1: 0.9130319851969336, 5: 0.9933914882368491}
    assert (result.videos, result.missing, result.foreign) == (3783, 0, 0)


def test_a_video_is_right_when_its_class_is_among_the_k_best(tmp_path):
    files = write(
        tmp_path,
        {
            "a": ["jump", "run", "walk"],
            "b": ["walk", "run", "jump"],
            "c": ["run", "jump", "walk"],
            "d": ["walk", "run", "jump"],
        },
    )
    assert score(ScoreConfig(*files, k=(1, 2, 3))).accuracy == {1: 0.5, 2: 0.75, 3: 1.0}


def test_the_scores_rank_the_classes_not_their_place_in_the_file(tmp_path):
    predictions, annotation = write(tmp_path, {})
    entries = [{"label": "run", "score": 0.1}, {"label": "jump", "score": 0.9}]
    (tmp_path / "predictions.json").write_text(json.dumps({"results": {"a": entries}}))
    config = ScoreConfig(predictions, annotation, k=1, ignore_missing=True)
    assert score(config).accuracy == {1: 1.0}


def test_missing_videos_count_as_wrong_and_are_counted_aloud(tmp_path, capsys):
    files = write(tmp_path, {"a": LABELS, "b": LABELS, "t": LABELS})
    assert main(["score", *files, "--k", "1", "2"]) == 0
    out = capsys.readouterr().out
    assert "top-1 0.25\ntop-2 0.5\n4 videos of validation\n" in out
    assert "2 videos of validation without a result: counted as wrong" in out
    assert "1 result of videos outside validation" in out
    assert main(["score", *files, "--k", "1", "--ignore_missing"]) == 0
    out = capsys.readouterr().out
    assert "top-1 0.5\n2 videos of validation\n" in out
    assert "2 videos of validation without a result: left out" in out


def test_scoring_does_not_wait_for_paddle(tmp_path):
    files = write(tmp_path, {"a": LABELS})
    program = (
        "import sys\nfrom app.command_line import main\n"
        f"assert main(['score', *{files!r}, '--k', '1']) == 0\nassert 'paddle' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, capture_output=True)


def test_result_files_come_back_as_written(tmp_path):
    import numpy as np

    best = best_classes(np.array([0.25, 0.5, 0.25], np.float32), LABELS, 2)
    assert best == [{"label": "run", "score": 0.5}, {"label": "jump", "score": 0.25}]
    names = ["v", "caf\u00e9", "not UTF-8 \udcff"]
    (tmp_path / "p.json").write_bytes(result_json((name, best) for name in names))
    assert json.loads((tmp_path / "p.json").read_text())["results"]["v"] == best
    assert read_results(tmp_path / "p.json") == {
        name: [("run", 0.5), ("jump", 0.25)] for name in names
    }


def test_up_to_five_classes_have_a_top_1_only(tmp_path, capsys):
    files = write(tmp_path, dict.fromkeys(TRUTH, LABELS))
    assert score(ScoreConfig(*files)).accuracy == {1: 0.25}
    assert main(["score", *files]) == 0
    assert "top-5" not in capsys.readouterr().out
    assert score(ScoreConfig(*files, k=(1, 5))).accuracy == {1: 0.25, 5: 1.0}


def test_a_mark_at_the_beginning_of_a_file_is_no_part_of_it(tmp_path):
    for path in write(tmp_path, {"a": LABELS}):
        Path(path).write_bytes(b"\xef\xbb\xbf" + Path(path).read_bytes())
    config = ScoreConfig(f"{tmp_path}/predictions.json", f"{tmp_path}/annotation.json")
    assert score(config).accuracy == {1: 0.25}


def test_a_network_may_know_more_classes_than_there_are_here(tmp_path):
    files = write(tmp_path, {"a": ["jump", "swim"], "b": ["swim", "run"]})
    assert score(ScoreConfig(*files, k=1, ignore_missing=True)).accuracy == {1: 0.5}


def test_lists_and_tables_give_the_true_classes_without_any_video(tmp_path):
    ucf = tmp_path / "ucf"
    ucf.mkdir()
    (ucf / "classInd.txt").write_text("1 Jump\n2 Run\n")
    for number, right in ((1, "v_Jump_g02_c01"), (2, "v_Jump_g03_c01")):
        (ucf / f"trainlist0{number}.txt").write_text("Jump/v_Jump_g01_c01.avi 1\n")
        (ucf / f"testlist0{number}.txt").write_text(f"Jump/{right}.avi\nRun/v_Run_g01_c01.avi\n")
    best = [{"label": "Jump", "score": 0.9}, {"label": "Run", "score": 0.1}]
    results = dict.fromkeys(("v_Jump_g02_c01", "v_Run_g01_c01"), best)
    predictions = tmp_path / "p.json"
    predictions.write_text(json.dumps({"results": results}))
    config = ScoreConfig(str(predictions), str(ucf))
    assert score(config).accuracy == {1: 0.5}
    assert score(replace(config, split=2)).missing == 1
    tables = tmp_path / "tables"
    tables.mkdir()
    for split in ("train", "val"):
        (tables / f"{split}.csv").write_text("v_Jump_g02_c01,Jump\nv_Run_g01_c01,Run\n")
    assert score(ScoreConfig(str(predictions), str(tables))).accuracy == {1: 0.5}


def test_class_folders_and_one_table_are_scored_whole(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", n_train=1, n_val=2, classes=LABELS) / "val"
    names = sorted(path.relative_to(corpus).as_posix() for path in corpus.rglob("*.mp4"))
    predictions, _ = write(tmp_path, {name: [name.split("/")[0], *LABELS] for name in names})
    whole = score(ScoreConfig(predictions, str(corpus)))
    assert (whole.accuracy, whole.videos, whole.subset) == ({1: 1.0}, 6, "all")
    table = tmp_path / "table.csv"
    table.write_text("".join(f"{name},{name.split('/')[0]}\n" for name in names))
    whole = score(ScoreConfig(predictions, str(table)))
    assert (whole.accuracy, whole.videos) == ({1: 1.0}, 6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"\xff\xfe", "not a JSON file"),
        (b"[1, 2]", 'no object "results"'),
        (b'{"results": {"a": []}}', "video 'a': expected a list"),
        (b'{"results": {"a": [["run", 0.5]]}}', 'video \'a\': expected {"label", "score"}'),
        (b'{"results": {"a": [{"label": "run", "score": NaN}]}}', "video 'a': expected"),
        (b'{"results": {"a": [{"segment": [1, 17], "result": []}]}}', "scores per segment"),
        (b'{"results": {"a": [{"label": "swim", "score": 1}]}}', "the class 'swim' is not in"),
        (b'{"results": {"a": [{"label": "run", "score": 1}]}}', "--k 5: .*1 best classes only"),
        (b'{"results": {"x": [{"label": "run", "score": 1}]}}', "no result for any of the 4"),
    ],
)
def test_a_bad_result_file_is_named_with_what_is_wrong(tmp_path, content, message):
    predictions, annotation = write(tmp_path, {})
    if content is None:
        (tmp_path / "predictions.json").unlink()
    else:
        (tmp_path / "predictions.json").write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        score(ScoreConfig(predictions, annotation, k=(1, 5)))
    assert str(tmp_path / "predictions.json") in str(error.value)


@pytest.mark.parametrize(
    ("truth", "options", "message"),
    [
        ({}, [], "there is no split named 'val'; it has train"),
        ({"a": "swim"}, [], "video 'a': the label 'swim' is not among"),
        (TRUTH, ["--subset", "testing"], "there is no split named 'test'"),
        (TRUTH, ["--subset", "nonsense"], "--subset"),
        (TRUTH, ["--k", "0"], "--k"),
        (TRUTH, ["--nonsense", "1"], "--nonsense"),
    ],
)
def test_mistakes_end_in_one_line_and_exit_code_2(tmp_path, capsys, truth, options, message):
    files = write(tmp_path, {"a": LABELS}, truth)
    assert main(["score", *files, *options]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and err.count("\n") == 1 and message in err
