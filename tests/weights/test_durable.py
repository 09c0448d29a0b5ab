import contextlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from weights.durable import (
    append_whole,
    locked,
    remove_unfinished,
    sha256,
    write_atomically,
    write_together,
    written_aside,
)

PROJECT = Path(__file__).parents[2]


@contextlib.contextmanager
def full_disk():
    """No file may grow beyond 1000 bytes: to the program, as good as a disk that is full.

    For the call alone: pytest itself may be writing into a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def start(program, *arguments):
    """Run lines of Python in a process of its own, which imports from the project."""
    words = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def fill(folder, **files):
    for name, content in files.items():
        (folder / name).write_text(content)


def test_a_file_of_the_longest_name_is_written(tmp_path):
    path = tmp_path / ("n" * 255)
    write_atomically(path, lambda file: file.write(b"content"))
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == [path.name]


def test_a_failed_write_leaves_every_file_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"new, but")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_together({tmp_path / "other": lambda file: None, path: fail})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="File too large"), full_disk():
        write_atomically(path, lambda file: file.write(b"n" * 2000))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    program = (
        "import os, signal, sys\n"
        "from weights.durable import write_atomically\n"
        "def write(file):\n"
        "    file.write(b'new, but'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(sys.argv[1], write)\n"
    )
    assert start(program, path).wait() == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 2
    remove_unfinished(tmp_path)
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_is_complete_or_absent(tmp_path):
    folder = tmp_path / "deep/folder"
    with written_aside(folder, seal="seal") as aside:
        fill(aside, file="new", seal="new")
        assert not folder.exists()
    assert sorted(os.listdir(folder)) == ["file", "seal"]
    assert os.listdir(folder.parent) == ["folder"]


def test_replacing_a_folder_leaves_what_is_not_its_own(tmp_path):
    fill(tmp_path, file="old", seal="old", stale="old", notes="mine")
    (tmp_path / "evaluation").mkdir()
    with written_aside(tmp_path, seal="seal", stale=("file", "seal", "stale")) as aside:
        fill(aside, file="new", seal="new")
    assert {p.name: p.read_text() for p in tmp_path.iterdir() if p.is_file()} == {
        "file": "new",
        "seal": "new",
        "notes": "mine",
    }
    assert (tmp_path / "evaluation").is_dir()


def test_a_folder_that_is_being_replaced_has_no_seal(tmp_path, monkeypatch):
    fill(tmp_path, file="old", seal="old")
    replace, seen = os.replace, []

    def watched(source, target):
        seen.append((Path(target).name, (tmp_path / "seal").exists()))
        replace(source, target)

    monkeypatch.setattr("weights.durable.os.replace", watched)
    with written_aside(tmp_path, seal="seal") as aside:
        fill(aside, seal="new", file="new")
    assert seen == [("file", False), ("seal", False)]


def test_a_folder_whose_writing_fails_stays_as_it_was(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    fill(folder, file="old", seal="old")
    with (
        pytest.raises(OSError, match="File too large"),
        full_disk(),
        written_aside(folder, seal="seal") as aside,
    ):
        fill(aside, file="n" * 2000)
    assert (folder / "file").read_text() == (folder / "seal").read_text() == "old"
    assert os.listdir(tmp_path) == ["folder"]


def test_a_line_is_appended_whole_or_not_at_all(tmp_path):
    path = tmp_path / "lines"
    append_whole(path, b"n" * 600)
    with pytest.raises(OSError, match="File too large"), full_disk():
        append_whole(path, b"m" * 600)
    append_whole(path, b"o" * 400)
    assert path.read_bytes() == b"n" * 600 + b"o" * 400


HOLD = (
    "import os, sys, time\n"
    "from weights.durable import locked\n"
    "with locked(sys.argv[1]):\n"
    "    child = os.fork()\n"
    "    if child == 0:\n"
    "        time.sleep(60)\n"
    "    print(child, flush=True)\n"
    "    time.sleep(60)\n"
)


def test_a_lock_ends_with_its_process_though_a_forked_one_lives_on(tmp_path):
    path = tmp_path / "lock"
    holder = start(HOLD, path)
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(BlockingIOError), locked(path):
            pass
        holder.kill()
        holder.wait()
        with locked(path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        holder.stdout.close()


def test_the_digest_is_that_of_the_whole_content(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(path) == digest
