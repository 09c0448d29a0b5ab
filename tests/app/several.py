"""Commands in two processes that know of each other, by Paddle's launcher or without it."""

import json
import os
import socket
import subprocess
import sys
import time

from tests.app.small_run import PROJECT

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}

# Commands one after the other in one process, since importing Paddle takes longer than they do.
IN_TURN = """
import contextlib, json, os, sys, time
from app.command_line import main

rank = os.environ.get("PADDLE_TRAINER_ID", "0")
for number, words in enumerate(json.loads(sys.argv[1])):
    with open(f"{number}.{rank}.out", "w") as out, open(f"{number}.{rank}.err", "w") as err:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
    with open(f"{number}.{rank}.code", "w") as file:
        file.write(str(code))
    # Paddle gives up where process 0 comes to the next one 30 s later.
    while os.path.exists(f"{number}.0.err") and not os.path.exists(f"{number}.0.code"):
        time.sleep(0.05)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def launch(tmp_path, words, folder=PROJECT):
    """Start a command by the launcher in a folder; returns it and where the processes' logs are."""
    launcher = f"-m paddle.distributed.launch --nproc_per_node 2 --master 127.0.0.1:{free_port()}"
    logs = tmp_path / "log"
    process = subprocess.Popen(
        [sys.executable, *launcher.split(), "--log_dir", logs, *map(str, words)],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return process, logs


def start_pair(words, folders=(PROJECT, PROJECT)):
    """Start a command twice without a launcher, which would end one when the other is gone.

    Args:
        words: The command.
        folders: Working directory of each.

    Returns:
        The two, by rank.
    """
    ends = [f"127.0.0.1:{free_port()}" for _ in folders]
    together = {
        "PADDLE_MASTER": f"127.0.0.1:{free_port()}",
        "PADDLE_DISTRI_BACKEND": "gloo",
        "PADDLE_TRAINERS_NUM": "2",
        "PADDLE_TRAINER_ENDPOINTS": ",".join(ends),
    }
    return [
        subprocess.Popen(
            list(map(str, words)),
            cwd=folder,
            env={
                **ENVIRONMENT,
                **together,
                "PADDLE_TRAINER_ID": str(rank),
                "PADDLE_CURRENT_ENDPOINT": ends[rank],
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, folder in enumerate(folders)
    ]


def finish(processes, timeout=120):
    """Wait for processes: a list of (exit code, stdout, stderr)."""
    try:
        outputs = [process.communicate(timeout=timeout) for process in processes]
        codes = [process.returncode for process in processes]
        return [(code, *output) for code, output in zip(codes, outputs, strict=True)]
    finally:
        for process in processes:
            process.kill()


def wait_for(what, process):
    """Wait until `what()` is true, while a process runs."""
    deadline = time.monotonic() + 60
    while not what():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


def errors(text):
    """The lines that tell a user of a mistake."""
    return [line for line in text.splitlines() if line.startswith("error: ")]


def in_turn(commands):
    """The words of a process that runs commands of `python -m app`, and keeps what they say."""
    return [sys.executable, "-c", IN_TURN, json.dumps([list(map(str, c)) for c in commands])]


def said(folder, number, rank):
    """What such a command ended with: exit code, stdout and stderr; takes the files away."""
    paths = [folder / f"{number}.{rank}.{kind}" for kind in ("code", "out", "err")]
    code, out, err = (path.read_text() for path in paths)
    for path in paths:
        path.unlink()
    return int(code), out, err
