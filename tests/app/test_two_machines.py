"""Two machines train together: two network namespaces joined by a virtual cable, CPU and gloo."""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.app.several import ENVIRONMENT, errors, wait_for
from tests.app.small_run import OPTIONS, PROJECT, write_corpus
from tests.app.trained import write_run
from weights.safe_reading import read_pdparams

HOSTS = {"r3d-one": "10.77.0.1", "r3d-two": "10.77.0.2"}
PORT = 29517


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no network namespaces here: ip {' '.join(words)}: {done.stderr.strip()}")


@pytest.fixture
def machines():
    """Names of two network namespaces that reach each other by name."""
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("no network namespaces here: iproute2 or util-linux is not installed")
    made = []
    hosts = "".join(f"{address} {name}\n" for name, address in HOSTS.items())
    try:
        for name in HOSTS:
            ip("netns", "add", name)
            made.append(name)
            ip("-n", name, "link", "set", "lo", "up")
            os.makedirs(f"/etc/netns/{name}", exist_ok=True)
            with open(f"/etc/netns/{name}/hosts", "w", encoding="utf-8") as file:
                file.write("127.0.0.1 localhost\n" + hosts)
        first, second = HOSTS
        ip("link", "add", "r3d-cable", "netns", first, "type", "veth", "peer", "name", "r3d-cable",
           "netns", second)  # fmt: skip
        for name, address in HOSTS.items():
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "r3d-cable")
            ip("-n", name, "link", "set", "r3d-cable", "up")
        yield list(HOSTS)
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], check=False)
            shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)


def launch(where, launcher, run_dir, corpus, log_dir):
    """Start one machine's share of a run; `where` is put before the command."""
    words = [
        *where,
        *(sys.executable, "-m", "paddle.distributed.launch", *launcher, "--log_dir", log_dir),
        *(sys.executable, "-m", "app", "fit", "--run_dir", run_dir, "--data.videos", corpus),
        *OPTIONS,
    ]
    return subprocess.Popen(
        list(map(str, words)),
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def on(machine):
    """The words before a command that is to run on a machine.

    It has a host name of its own, which resolves to its own address: without it Paddle's launcher
    waits for ever with "master not ready".
    """
    own_name = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', machine]
    return ["ip", "netns", "exec", machine, *own_name]


SLOW = """
import sys, time
import app.evaluation.scoring as scoring
from app.command_line import main

score_pieces = scoring.score_pieces

def slowly(*arguments):
    for number, result in enumerate(score_pieces(*arguments)):
        yield result
        if number == 1:
            open(sys.argv[1], "w").close()
            time.sleep(300)

scoring.score_pieces = slowly
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_a_machine_that_falls_silent_ends_the_other_within_a_minute(machines, tmp_path):
    """No connection is closed, and no launcher of the same machine sees an end."""
    run, videos = write_run(tmp_path / "run"), write_corpus(tmp_path / "corpus")
    ends = ",".join(f"{HOSTS[name]}:{PORT + 1 + i}" for i, name in enumerate(machines))
    words = f"evaluate {run} --videos {videos} --split train --views windows:4 --device cpu"
    pair = []
    try:
        for rank, name in enumerate(machines):
            environment = {
                **ENVIRONMENT,
                "PADDLE_DISTRI_BACKEND": "gloo",
                "PADDLE_MASTER": f"{HOSTS[machines[0]]}:{PORT}",
                "PADDLE_TRAINERS_NUM": "2",
                "PADDLE_TRAINER_ENDPOINTS": ends,
                "PADDLE_TRAINER_ID": str(rank),
                "PADDLE_CURRENT_ENDPOINT": ends.split(",")[rank],
            }
            pair.append(
                subprocess.Popen(
                    [
                        *on(name),
                        sys.executable,
                        "-c",
                        SLOW,
                        tmp_path / f"busy-{rank}",
                        *words.split(),
                    ],
                    cwd=PROJECT,
                    env=environment,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        for rank, process in enumerate(pair):
            wait_for((tmp_path / f"busy-{rank}").exists, process)
        # Let what was sent last arrive.
        time.sleep(5)
        ip("-n", machines[1], "link", "set", "r3d-cable", "down")
        results = [process.communicate(timeout=60)[1] for process in pair]
    finally:
        for process in pair:
            process.kill()
    for rank, err in enumerate(results):
        (line,) = errors(err)
        assert f"process {1 - rank} of 2 has ended; its log" in line
        assert pair[rank].returncode == 2 and "Traceback" not in err


def finish(processes):
    outputs = []
    try:
        for process in processes:
            outputs.append(process.communicate(timeout=240)[0])
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * len(processes), outputs


def weights_of(run_dir):
    last = (run_dir / "checkpoints" / "last").read_text().strip()
    return read_pdparams(run_dir / "checkpoints" / last / "model.pdparams")


@pytest.mark.slow
def test_two_machines_train_as_one_machine_with_two_processes(machines, tmp_path):
    corpus = write_corpus(tmp_path / "corpus")
    together = f"--nnodes 2 --nproc_per_node 1 --master {HOSTS[machines[0]]}:{PORT}".split()
    finish(
        [
            launch(on(name), together, tmp_path / "two", corpus, tmp_path / f"log-{name}")
            for name in machines
        ]
    )
    alone = f"--nproc_per_node 2 --master 127.0.0.1:{PORT}".split()
    finish([launch([], alone, tmp_path / "one", corpus, tmp_path / "log")])
    two, one = weights_of(tmp_path / "two"), weights_of(tmp_path / "one")
    for name, value in one.items():
        np.testing.assert_array_equal(two[name], value, err_msg=name)
    records = (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()
    assert len(records) == 3
