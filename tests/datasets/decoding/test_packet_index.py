import os
import subprocess
import sys
import zlib

import numpy as np
import pytest

from datasets.decoding.errors import VideoError
from datasets.decoding.packet_index import Numbering, PacketIndex
from datasets.decoding.packet_index_store import PacketIndexStore
from datasets.decoding.video_reader import VideoReader
from tests.videos import decode_all, remux, write_video


def assert_same(a, b):
    assert a.to_bytes() == b.to_bytes()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "video.mp4", frames=60, gop=20)


def test_index_holds_the_packets_and_the_shape(path):
    index = PacketIndex.build(path)
    assert (index.n_frames, index.width, index.height, index.rate) == (60, 64, 48, 25)
    assert index.numbering == Numbering.PTS
    assert index.key[0]
    assert index.key.sum() >= 3
    times = [frame.pts for frame in decode_all(path)]
    assert np.array_equal(index.pts[index.packet_of_frame], times)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.ts"])
def test_bytes_bring_the_index_back(tmp_path, name):
    codec = "mpeg4" if name == "a.avi" else "libx264"
    index = PacketIndex.build(write_video(tmp_path / name, codec, frames=300))
    data = index.to_bytes()
    assert len(data) < 1000
    again = PacketIndex.from_bytes(data)
    for name in PacketIndex.__dataclass_fields__:
        a, b = getattr(index, name), getattr(again, name)
        assert np.array_equal(a, b), name
        assert type(a) is type(b), name


@pytest.mark.parametrize("damage", [b"", b"text", zlib.compress(b"12345678"), None])
def test_bytes_that_are_no_index_are_refused(path, damage):
    data = PacketIndex.build(path).to_bytes()[:-9] if damage is None else damage
    with pytest.raises(ValueError):
        PacketIndex.from_bytes(data)


def test_reading_starts_at_the_last_key_frame_before(path):
    index = PacketIndex.build(path)
    keys = np.flatnonzero(index.key)
    times = index.pts[index.packet_of_frame]
    for position in range(60):
        key = index.key_packets(np.array([position]), margin=8)[0]
        later = keys[keys > key]
        assert index.pts[key] <= times[position]
        assert len(later) == 0 or index.pts[later[0]] > times[position]


@pytest.mark.parametrize(
    ("name", "options", "numbering"),
    [
        ("a.avi", {"codec": "mpeg4", "width": 96, "height": 80}, Numbering.DTS),
        ("a.mkv", {}, Numbering.PTS),
        ("h264.avi", {}, Numbering.COUNT),
    ],
)
def test_numbering_fits_the_container(tmp_path, name, options, numbering):
    options = {"options": {"b": "2000000"}, **options} if "codec" in options else options
    assert PacketIndex.build(write_video(tmp_path / name, **options)).numbering == numbering


def test_file_cut_before_its_key_frame_has_the_frames_that_can_be_decoded(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", frames=60)
    path = remux(whole, tmp_path / "cut.ts", lambda n, p: [p] if n >= 5 else [])
    index = PacketIndex.build(path)
    assert index.n_frames == len(decode_all(path)) < 55


def test_wrong_index_is_noticed(path, tmp_path):
    other = PacketIndex.build(
        write_video(tmp_path / "other.mp4", frames=60, gop=7, b_frames=0, fps=24)
    )
    truth = [frame.to_ndarray(format="rgb24") for frame in decode_all(path)]
    with VideoReader(path, index=other) as video:
        for start in (0, 25, 40):
            frames = video.read(start + np.arange(8))
            assert np.array_equal(frames, truth[start : start + 8])


def test_cached_index_equals_a_new_one_and_spares_the_reading(path, tmp_path, monkeypatch):
    cache = PacketIndexStore(tmp_path / "cache")
    first = cache.get(path)
    monkeypatch.setattr(PacketIndex, "build", lambda _: pytest.fail("built again"))
    assert_same(first, cache.get(path))
    assert_same(first, PacketIndexStore(tmp_path / "cache").get(os.path.relpath(path)))


def test_changed_video_gets_a_new_index(tmp_path):
    cache = PacketIndexStore(tmp_path / "cache")
    path = write_video(tmp_path / "video.mp4", frames=30)
    assert cache.get(path).n_frames == 30
    write_video(path, frames=20)
    assert cache.get(path).n_frames == 20


def test_damaged_cache_file_is_replaced(path, tmp_path):
    cache = PacketIndexStore(tmp_path / "cache")
    first = cache.get(path)
    (file,) = (p for p in (tmp_path / "cache").rglob("*") if p.is_file())
    for content in (b"", file.read_bytes()[:100], b"no index at all"):
        file.write_bytes(content)
        assert_same(first, cache.get(path))
        assert_same(first, cache.get(path))
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_cache_that_cannot_be_written_is_done_without(path, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert PacketIndexStore(tmp_path / "file").get(path).n_frames == 60


def test_cache_names_what_is_wrong_with_a_video(tmp_path):
    cache = PacketIndexStore(tmp_path)
    with pytest.raises(VideoError, match="No such file"):
        cache.get(tmp_path / "missing.mp4")


def test_reading_videos_does_not_import_paddle():
    code = "import sys, datasets.decoding; print('paddle' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
