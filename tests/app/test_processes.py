"""Verbs in two processes that share the videos: the same files as from one."""

import json
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from app.command_line import main
from app.evaluation.scores import record_type
from tests.app.several import (
    ENVIRONMENT,
    errors,
    finish,
    in_turn,
    launch,
    said,
    start_pair,
    wait_for,
)
from tests.app.small_run import command
from tests.app.trained import LABELS, write_run
from tests.videos import write_video


def write_videos(folder, n_per_class):
    """Videos in a folder for each class, and the path of one of them that is damaged.

    The damaged one is the second: process 1 has it.
    """
    for number, label in enumerate(sorted(LABELS)):
        (folder / label).mkdir(parents=True)
        for i in range(n_per_class):
            path = folder / label / f"{i:03}.mp4"
            write_video(path, frames=12 + 5 * i % 20, width=48, height=40, seed=9 * number + i)
    bad = folder / sorted(LABELS)[0] / "001.mp4"
    bad.write_bytes(b"no video")
    return folder, bad


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, a folder of eight videos, and the damaged one of them."""
    folder = tmp_path_factory.mktemp("made")
    return write_run(folder / "run"), *write_videos(folder / "videos", 2)


def evaluation(run, videos, *options):
    words = f"evaluate {run} --videos {videos} --split all --output evaluation --device cpu"
    return [*words.split(), *options]


def all_verbs(run, videos):
    predict = f"predict {run} {videos} --device cpu --engine dynamic"
    return [
        evaluation(run, videos, "--batch_size", "7", "--engine", "dynamic", "--workers", "0"),
        f"index {videos} --output index --workers 1".split(),
        f"prepare {videos} --output copies --short_side 32 --workers 1".split(),
        f"{predict} --format csv".split(),
        f"{predict} --format json".split(),
    ]


def more_of_them(run, videos):
    predict = f"predict {run} {videos} --device cpu"
    return [
        evaluation(run, videos, "--views", "windows:4"),
        f"index {videos} --output more_index --verify".split(),
        f"{predict} --format jsonl --timeline --output pictures".split(),
        f"{predict} --features features.npz".split(),
    ]


def contents(folder):
    """Relative path -> bytes of all files below a folder, without the times they tell."""
    files = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {name: re.sub(rb"\ntime .*", b"", content) for name, content in files.items()}


def check_that_two_make_the_files_of_one(commands, bad, tmp_path, start_two):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    words = in_turn(commands)
    alone = subprocess.Popen(words, cwd=one, env=ENVIRONMENT)
    try:
        start_two(words, two)
        assert alone.wait(timeout=600) == 0
    finally:
        alone.kill()
    for number, (verb, *_) in enumerate(commands):
        code, out, err = said(two, number, 0)
        # A folder where one video is damaged.
        assert code == 1, err
        assert str(bad) in out + err
        code_alone, out_alone, _ = said(one, number, 0)
        assert (code, contents_of(out)) == (code_alone, contents_of(out_alone)), verb
        assert said(two, number, 1)[:2] == (0, ""), verb
    found = contents(two)
    assert found.keys() == contents(one).keys()
    for name, content in contents(one).items():
        assert found[name] == content, name


def contents_of(output):
    """A printed report without the times it tells."""
    return re.sub(r"\ntime .*", "", output)


def start_without_launcher(words, folder):
    results = finish(start_pair(words, (folder, folder)))
    assert [code for code, *_ in results] == [0, 0], results


def test_two_processes_write_and_print_what_one_does(made, tmp_path):
    run, videos, bad = made
    commands = all_verbs(run, videos)
    check_that_two_make_the_files_of_one(commands, bad, tmp_path, start_without_launcher)


@pytest.mark.slow
def test_two_launched_processes_agree_with_one_on_many_videos(made, tmp_path):
    videos, bad = write_videos(tmp_path / "videos", 50)

    def start(words, folder):
        launcher, logs = launch(tmp_path, words, folder)
        try:
            assert launcher.wait(timeout=600) == 0, (logs / "workerlog.0").read_text()
        finally:
            launcher.terminate()

    commands = [*all_verbs(made[0], videos), *more_of_them(made[0], videos)]
    check_that_two_make_the_files_of_one(commands, bad, tmp_path, start)


def test_the_launcher_ends_with_the_exit_code_of_process_0(made, tmp_path):
    run, videos, bad = made
    words = evaluation(run, videos, "--output", tmp_path / "evaluation")
    launcher, logs = launch(tmp_path, command(*words))
    try:
        assert launcher.wait(timeout=120) == 1
    finally:
        launcher.terminate()
    first, second = ((logs / f"workerlog.{rank}").read_text() for rank in (0, 1))
    assert f"cannot read {bad}" in first and "8 videos" in first
    assert str(bad) not in second and "videos" not in second


def test_processes_that_do_not_see_the_same_files_end_with_one_line(made, tmp_path):
    run, videos, bad = made
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    elsewhere.mkdir()
    here.mkdir()
    (here / "videos").symlink_to(videos)
    (elsewhere / "videos").mkdir()
    for label in LABELS:
        (elsewhere / "videos" / label).mkdir()
        for video in (videos / label).iterdir():
            (elsewhere / "videos" / label / video.name).symlink_to(video)
    # Process 1 has a part of a copy only.
    (elsewhere / "videos" / sorted(LABELS)[-1] / "001.mp4").unlink()
    predict = f"predict {run} videos --device cpu".split()
    nowhere = "evaluate here --videos videos --device cpu".split()
    (here / "here").symlink_to(run)
    commands = [
        evaluation(run, "videos"),
        predict,
        f"prepare {videos} --output copies".split(),
        nowhere,
    ]
    finish(start_pair(in_turn(commands), (here, elsewhere)))
    expected = ["source: ", "001.mp4: ", "copies/copies.jsonl: ", "here: "]
    for number, words in enumerate(expected):
        for rank, folder in enumerate((here, elsewhere)):
            code, _, err = said(folder, number, rank)
            (line,) = errors(err)
            assert code == 2 and words in line and "Traceback" not in err
            assert line.startswith("error: process 1 of 2 has ended: ") == (rank == 0)


SLOW = """
import sys, time
import app.evaluation.scoring as scoring
from app.command_line import main

score_pieces = scoring.score_pieces

def slowly(*arguments):
    for number, result in enumerate(score_pieces(*arguments)):
        yield result
        # The loss is noticed in the middle of a long video.
        time.sleep(300 if number == 1 else 0)

scoring.score_pieces = slowly
sys.exit(main(sys.argv[1:]))
"""


def rows_in(progress):
    _, _, body = progress.read_bytes().partition(b"\n") if progress.exists() else (b"", b"", b"")
    return len(body) // record_type(len(LABELS)).itemsize


@contextmanager
def half_an_evaluation(made, folder):
    """The words of an evaluation, and two processes that wait with two videos of each done."""
    run, videos, _ = made
    words = evaluation(run, videos, "--views", "windows:4", "--engine", "dynamic")
    pair = start_pair([sys.executable, "-c", SLOW, *words], (folder, folder))
    try:
        progress = folder / "evaluation" / "all-videos-windows4.partial"
        wait_for(lambda: rows_in(progress) == 4, pair[0])
        yield words, pair
    finally:
        finish(pair)


@pytest.mark.slow
def test_a_signal_to_all_is_no_loss_and_says_what_is_kept(made, tmp_path):
    with half_an_evaluation(made, tmp_path) as (_, pair):
        # Process 1 comes first, and waits with its end for that of process 0.
        for process in reversed(pair):
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
        (code, out, err), second = finish(pair, timeout=60)
    assert code == 128 + signal.SIGTERM and "stopped after 4 of 8 videos" in out
    assert second[:2] == (128 + signal.SIGTERM, "")
    assert not errors(err + second[2])


@pytest.mark.parametrize("gone", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_process_that_is_killed_ends_the_other_and_the_evaluation_resumes(made, tmp_path, gone):
    with half_an_evaluation(made, tmp_path) as (words, pair):
        pair[gone].send_signal(signal.SIGKILL)
        # No launcher ends it.
        code, _, err = finish(pair[1 - gone : 2 - gone], timeout=60)[0]
    (line,) = errors(err)
    assert code == 2 and f"process {gone} of 2 has ended; its log" in line and "--resume" in line
    assert "Traceback" not in err
    resumed, whole = tmp_path / "evaluation", tmp_path / "whole"
    assert main([*words, "--output", str(resumed), "--resume"]) == 1
    assert main([*words, "--output", str(whole)]) == 1
    assert {path.name for path in resumed.iterdir()} == {path.name for path in whole.iterdir()}
    reports = [json.loads((f / "all-videos-windows4.json").read_text()) for f in (resumed, whole)]
    # Of the computations, one had perhaps other threads.
    assert reports[0].pop("loss") == pytest.approx(reports[1].pop("loss"), abs=1e-6)
    assert reports[0] == reports[1]
