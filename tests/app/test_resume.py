"""A run that is stopped in any way and resumed ends with the weights of an undisturbed one."""

import json
import signal
import time

import pytest

from app.checkpoints import newest_first
from app.command_line import main
from tests.app.small_run import OPTIONS, run, start, write_corpus

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
    code = main(["fit", "--run_dir", str(run_dir), "--resume", *options])
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
