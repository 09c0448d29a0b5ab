import os
import signal

import pytest

from app.command_line import main
from app.configuration import DataConfig
from app.data import read_splits
from datasets.index import building
from tests.datasets.annotations.made_files import paths_of
from tests.videos import write_video


@pytest.fixture
def videos(tmp_path):
    """Class folders without a split: three people, each in both classes."""
    for label in ("run", "walk"):
        (tmp_path / "videos" / label).mkdir(parents=True)
        for person in ("ann", "bob", "cem"):
            for take in "12":
                path = tmp_path / "videos" / label / f"{person}-{take}.mp4"
                write_video(path, frames=6, width=32, height=24)
    return tmp_path / "videos"


@pytest.mark.parametrize("pattern", [None, r"^(\w+)-\d"])
def test_fit_draws_from_the_folder_as_index_does(videos, tmp_path, pattern):
    options = {} if pattern is None else {"group_pattern": pattern}
    words = ["--group_pattern", pattern] if pattern else []
    output = str(tmp_path / "index")
    assert main(["index", str(videos), "--output", output, "--workers", "1", *words]) == 0
    fitted = read_splits(DataConfig(videos=str(videos), **options), seed=0)
    indexed = read_splits(DataConfig(annotation=output), seed=0)
    for split in ("train", "val"):
        assert paths_of(fitted[split]) == paths_of(indexed[split])
    people = [{path.split("/")[1][:3] for path in paths_of(fitted[s])} for s in ("train", "val")]
    assert pattern is None or not people[0] & people[1]


def test_unreadable_videos_are_named_and_make_the_exit_code_1(videos, tmp_path, capsys):
    (videos / "run" / "bad.mp4").write_bytes(b"no video")
    words = ["index", str(videos), "--output", str(tmp_path / "index"), "--workers", "1"]
    assert main(words) == 1
    assert "run/bad.mp4" in capsys.readouterr().out


def test_a_pattern_that_is_none_is_the_user_s_mistake(videos, tmp_path, capsys):
    words = ["index", str(videos), "--output", str(tmp_path / "index"), "--group_pattern", "("]
    assert main(words) == 2
    assert "group_pattern" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_what_is_known(videos, tmp_path, capsys, monkeypatch, number):
    words = ["index", str(videos), "--output", str(tmp_path / "out"), "--workers", "1"]
    probe_video, probed = building.probe_video, []

    def signalled(path, *arguments, **options):
        probed.append(path)
        if len(probed) == 4:
            os.kill(os.getpid(), number)
        return probe_video(path, *arguments, **options)

    monkeypatch.setattr(building, "probe_video", signalled)
    assert main(words) == 128 + number
    assert "the same command goes on" in capsys.readouterr().out
    probed.clear()
    monkeypatch.setattr(
        building, "probe_video", lambda *a, **o: probed.append(a) or probe_video(*a, **o)
    )
    assert main(words) == 0 and len(probed) == 12 - 3
