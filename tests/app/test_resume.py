"""A run that is stopped in any way and resumed ends with the weights of an undisturbed one."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from app.checkpoints import newest_first
from app.command_line import main
from tests.app.small_run import OPTIONS, PROJECT, run, start, write_corpus
from weights.checkpoint_folder import read_manifest, write_manifest

# Enough epochs and checkpoints that a signal always finds the run under way.
LONG = [*OPTIONS, "--train.epochs", "5", "--checkpoint.every_steps", "2", "--checkpoint.keep", "3"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    # 15 videos in batches of 4: the last batch of an epoch is incomplete.
    return write_corpus(tmp_path_factory.mktemp("corpus"), n_train=5)


@pytest.fixture(scope="module")
def undisturbed(corpus, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("undisturbed") / "run"
    code, _, err = run("fit", "--run_dir", run_dir, "--data.videos", corpus, *LONG)
    assert code == 0, err
    return run_dir


def resume(run_dir, capfd, *options):
    """Continue a run in this process, which saves the seconds of importing Paddle."""
    capfd.readouterr()
    code = main(["fit", "--run_dir", str(run_dir), "--resume", *map(str, options)])
    return code, *capfd.readouterr()


def weights(run_dir):
    last = (run_dir / "checkpoints" / "last").read_text().strip()
    return last, (run_dir / "checkpoints" / last / "model.pdparams").read_bytes()


def records(run_dir):
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    timed = ("clips_per_second", "data_wait")
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


def wait_for_checkpoint(process, run_dir, pattern):
    deadline = time.monotonic() + 60
    while not any((run_dir / "checkpoints").glob(pattern)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def assert_same_end(run_dir, undisturbed):
    assert weights(run_dir) == weights(undisturbed)
    assert records(run_dir) == records(undisturbed)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("when", ["within an epoch", "at the end of an epoch"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_continues_to_the_same_weights(
    corpus, undisturbed, tmp_path, capfd, sent, when, workers
):
    run_dir = tmp_path / "run"
    options = [*LONG, "--train.workers", workers]
    process = start("fit", "--run_dir", run_dir, "--data.videos", corpus, *options)
    wait_for_checkpoint(process, run_dir, "step-*6" if when == "within an epoch" else "epoch-0002")
    process.send_signal(sent)
    # Workers hold the pipes open: this returns only when they have ended too.
    out, err = process.communicate(timeout=60)
    assert process.returncode == (-9 if sent == signal.SIGKILL else 128 + sent), err
    assert "Traceback" not in err
    if sent != signal.SIGKILL:
        assert f"python -m app fit --run_dir {run_dir} --resume" in out
    assert weights(run_dir) != weights(undisturbed)

    code, out, err = resume(run_dir, capfd)
    assert code == 0, err
    assert "resuming from" in out
    assert_same_end(run_dir, undisturbed)


def test_the_number_of_workers_does_not_change_the_weights(corpus, undisturbed, tmp_path):
    run_dir = tmp_path / "run"
    options = [*LONG, "--train.workers", 1, "--checkpoint.every_steps", 0]
    code, _, err = run("fit", "--run_dir", run_dir, "--data.videos", corpus, *options)
    assert code == 0, err
    assert_same_end(run_dir, undisturbed)


def test_a_damaged_newest_checkpoint_is_reported_and_the_one_before_used(
    corpus, undisturbed, tmp_path, capfd
):
    run_dir = tmp_path / "run"
    process = start("fit", "--run_dir", run_dir, "--data.videos", corpus, *LONG)
    wait_for_checkpoint(process, run_dir, "epoch-0002")
    process.kill()
    process.communicate()
    newest, before, *_ = newest_first(run_dir / "checkpoints")
    damaged = run_dir / "checkpoints" / newest / "model.pdparams"
    damaged.write_bytes(damaged.read_bytes()[:-1000])

    code, out, err = resume(run_dir, capfd)
    assert code == 0, err
    assert "damaged checkpoint" in err and str(damaged) in err
    assert f"resuming from {run_dir}/checkpoints/{before}" in out
    assert_same_end(run_dir, undisturbed)


def test_a_finished_run_has_nothing_left_to_do(undisturbed, capfd):
    before = weights(undisturbed), records(undisturbed)
    code, out, err = resume(undisturbed, capfd)
    assert code == 0, err
    assert "finished already" in out
    assert (weights(undisturbed), records(undisturbed)) == before


def test_resume_refuses_to_become_another_run(undisturbed, capfd):
    code, _, err = resume(undisturbed, capfd, "--clip.size", "48")
    assert code == 2
    assert err.count("\n") == 1 and "--clip.size" in err


def test_a_run_folder_is_not_overwritten(corpus, undisturbed, capfd):
    arguments = ["fit", "--run_dir", str(undisturbed), "--data.videos", str(corpus), *OPTIONS]
    assert main(arguments) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and "holds a run already" in err


def copy_of(run_dir, tmp_path):
    return shutil.copytree(run_dir, tmp_path / "run")


def test_a_run_that_stopped_early_stays_as_it_is(corpus, tmp_path, capfd):
    run_dir = tmp_path / "run"
    stops = ["--train.epochs", "30", "--train.early_stopping", "1", "--optim.lr", "1e-12"]
    arguments = ["fit", "--run_dir", str(run_dir), "--data.videos", str(corpus), *OPTIONS, *stops]
    assert main(arguments) == 0
    before = weights(run_dir), records(run_dir)
    assert len(before[1]) < 30
    for _ in range(2):
        code, out, err = resume(run_dir, capfd)
        assert code == 0, err
        assert "nothing left to train" in out
        assert (weights(run_dir), records(run_dir)) == before
    code, out, err = resume(run_dir, capfd, "--train.early_stopping", "0", "--train.epochs", "8")
    assert code == 0 and len(records(run_dir)) == 8


def test_a_second_process_on_the_same_run_gets_one_line(corpus, tmp_path, capfd):
    run_dir = tmp_path / "run"
    options = [*LONG, "--train.epochs", "500", "--train.workers", "2"]
    process = start("fit", "--run_dir", run_dir, "--data.videos", corpus, *options)
    try:
        wait_for_checkpoint(process, run_dir, "epoch-0001")
        code, out, err = resume(run_dir, capfd)
    finally:
        process.kill()
        process.communicate()
    assert code == 2 and out == ""
    assert err.count("\n") == 1 and f"{run_dir}: another process is training this run" in err
    # The kernel has released the lock of the one that was killed.
    epochs = len(records(run_dir)) + 1
    code, _, err = resume(run_dir, capfd, "--train.epochs", epochs)
    assert code == 0, err


def workers_of(process):
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


def test_a_run_whose_worker_is_killed_ends_in_one_line_and_resumes(
    corpus, undisturbed, tmp_path, capfd
):
    run_dir = tmp_path / "run"
    options = [*LONG, "--train.epochs", "500", "--train.workers", "2"]
    process = start("fit", "--run_dir", run_dir, "--data.videos", corpus, *options)
    try:
        wait_for_checkpoint(process, run_dir, "epoch-0001")
        # Workers come and go with every epoch.
        while not (workers := workers_of(process)):
            assert process.poll() is None
        os.kill(workers[0], signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 2
    assert "error: a worker process that decodes videos was killed (SIGKILL)" in err
    assert "--resume" in err and "Traceback" not in err
    epochs = len(records(run_dir)) + 1
    code, _, err = resume(run_dir, capfd, "--train.epochs", epochs)
    assert code == 0, err


def test_a_resume_leaves_a_configuration_that_stays_the_same_untouched(
    undisturbed, tmp_path, capfd
):
    run_dir = copy_of(undisturbed, tmp_path)
    before = (run_dir / "config.yaml").stat()
    assert resume(run_dir, capfd)[0] == 0
    after = (run_dir / "config.yaml").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


LIMITED = (
    "import resource, sys\n"
    "from app.command_line import main\n"
    "import app.fit\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)\n"
    "sys.exit(main(sys.argv[2:]))\n"
)


# What does not fit any more: a checkpoint's weights, its manifest, the configuration.
@pytest.mark.parametrize("largest_file", [500_000, 1100, 300])
def test_a_full_disk_ends_the_run_in_one_line_and_leaves_what_was_whole(
    undisturbed, tmp_path, capfd, largest_file
):
    run_dir = copy_of(undisturbed, tmp_path)
    before = {p: p.read_bytes() for p in run_dir.rglob("*") if p.is_file()}
    words = ["fit", "--run_dir", str(run_dir), "--resume", "--train.epochs", "7"]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(largest_file), *words],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "cannot be written: File too large; the last checkpoint is epoch-0005 at step 20" in line
    assert "Traceback" not in done.stderr
    grown = {"metrics.jsonl", "vdlrecords.run.log", "config.yaml"}
    after = {p: p.read_bytes() for p in run_dir.rglob("*") if p.is_file()}
    assert after.keys() == before.keys()
    assert all(after[p] == before[p] for p in before if p.name not in grown)
    code, _, err = resume(run_dir, capfd, "--train.epochs", "6")
    assert code == 0, err
    assert len(records(run_dir)) == 6


def test_a_run_folder_that_cannot_be_written_is_named(undisturbed, tmp_path, capfd, monkeypatch):
    run_dir = copy_of(undisturbed, tmp_path)

    def refuse(path, *_):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    # Root, whom tests often run as, may write everywhere.
    monkeypatch.setattr("app.run_folder.durable.locked", refuse)
    code, _, err = resume(run_dir, capfd)
    assert code == 2
    assert err == f"error: --run_dir {run_dir}: cannot be written: Read-only file system\n"


def test_a_run_follows_its_videos_when_they_are_moved(corpus, undisturbed, tmp_path, capfd):
    run_dir = copy_of(undisturbed, tmp_path)
    assert f"videos: {corpus}" in (run_dir / "config.yaml").read_text()
    moved = shutil.copytree(corpus, tmp_path / "moved")
    options = ["--data.videos", str(moved), "--train.epochs", "6"]
    code, _, err = resume(run_dir, capfd, *options)
    assert code == 0, err
    assert f"videos: {moved}" in (run_dir / "config.yaml").read_text()
    (moved / "train/run/0.mp4").rename(moved / "train/walk/new.mp4")
    code, _, err = resume(run_dir, capfd, "--train.epochs", "7")
    assert code == 2
    assert err.count("\n") == 1
    assert "train: video train/run/0.mp4 missing; train: video train/walk/new.mp4 new" in err


def test_relative_paths_are_kept_as_absolute_ones(corpus, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(corpus.parent)
    run_dir = tmp_path / "run"
    arguments = ["fit", "--run_dir", str(run_dir), "--data.videos", corpus.name, *OPTIONS]
    assert main([*arguments, "--train.epochs", "1"]) == 0
    monkeypatch.chdir(tmp_path)
    code, _, err = resume(run_dir, capfd, "--train.epochs", "2")
    assert code == 0, err


DAMAGED = {
    "no object": lambda state: [],
    "a key missing": lambda state: {k: v for k, v in state.items() if k != "callbacks"},
    "a word for a number": lambda state: {**state, "step": "many"},
    "a negative number": lambda state: {**state, "batch": -1},
    "generators of another kind": lambda state: {**state, "random": {"paddle": [[1]]}},
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_state_that_is_none_though_its_manifest_agrees_is_one_line(
    undisturbed, tmp_path, capfd, damage
):
    run_dir = copy_of(undisturbed, tmp_path)
    folder = run_dir / "checkpoints/epoch-0005"
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(DAMAGED[damage](state)))
    manifest = read_manifest(folder)
    (folder / "manifest.json").unlink()
    write_manifest(folder, position=manifest["position"])
    code, _, err = resume(run_dir, capfd, "--train.epochs", "6")
    assert code == 2
    assert err.count("\n") == 1 and f"{folder}/state.json: holds no state of a run" in err


def test_a_run_whose_checkpoints_are_all_damaged_is_left_alone(undisturbed, tmp_path, capfd):
    run_dir = copy_of(undisturbed, tmp_path)
    for path in run_dir.glob("checkpoints/*/state.json"):
        path.write_text("{")
    before = records(run_dir)
    code, _, err = resume(run_dir, capfd)
    assert code == 2
    assert err.count("\n") == 1 and "no checkpoint is whole" in err and "another --run_dir" in err
    assert records(run_dir) == before
