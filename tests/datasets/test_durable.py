import os
import subprocess
import sys

import pytest

from datasets import durable
from datasets.durable import InUseError, open_journal, write_atomically, write_text

LONGEST_NAME = "动" * 85


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a"
    write_atomically(path, lambda file: file.write(b"old"))
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, write)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a"]


def test_a_disk_that_is_full_when_the_file_is_closed(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "a", lambda file: file.write(b"x"))
    assert names_in(tmp_path) == []


def test_any_name_that_the_file_system_holds_can_be_written(tmp_path):
    assert len(LONGEST_NAME.encode()) == 255
    write_atomically(tmp_path / LONGEST_NAME, lambda file: file.write(b"x"))
    assert names_in(tmp_path) == [LONGEST_NAME]


def test_a_new_file_may_be_read_by_those_who_may_read_others(tmp_path):
    (tmp_path / "other").touch()
    write_atomically(tmp_path / "a", lambda file: None)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append("sync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *p: (steps.append("rename"), replace(*p)))
    write_atomically(tmp_path / "a", lambda file: file.write(b"x"))
    assert steps == ["sync", "rename", "sync"]


def test_text_is_utf8_and_keeps_bytes_of_paths_that_are_no_text(tmp_path):
    write_text(tmp_path / "a", "动 \udcff")
    assert (tmp_path / "a").read_bytes() == "动 ".encode() + b"\xff"


def test_a_journal_loses_its_half_written_last_line(tmp_path):
    (tmp_path / "journal").write_text("one\ntwo\nthr")
    with open_journal(tmp_path / "journal") as journal:
        assert journal.read() == "one\ntwo\n"
        journal.write("four\n")
    assert (tmp_path / "journal").read_text() == "one\ntwo\nfour\n"


def test_one_process_at_a_time_appends_to_a_journal(tmp_path):
    code = (
        "import sys; from datasets.durable import open_journal\n"
        "with open_journal(sys.argv[1]): print('open', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", code, tmp_path / "journal"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(InUseError, match="another process"), open_journal(words[-1]):
            pass
        other.kill()
    with open_journal(words[-1]):
        pass


def test_journals_work_where_the_system_has_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "fcntl", None)
    with open_journal(tmp_path / "journal") as journal:
        journal.write("one\n")
    assert (tmp_path / "journal").read_text() == "one\n"
