import av
import pytest

from datasets.index.probing import file_state, probe_video
from tests.datasets.decoding.test_frame_folder import write_frames
from tests.videos import write_video


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize(("name", "codec"), [("x.avi", "mpeg4"), ("x.mp4", "libx264")])
def test_a_good_video_tells_what_it_is(tmp_path, name, codec, verify):
    path = write_video(tmp_path / name, codec, frames=12, fps=20, b_frames=0)
    probe = probe_video(str(path), verify)
    assert (probe.frames, probe.fps, probe.width, probe.height) == (12, 20, 64, 48)
    assert probe.codec == {"libx264": "h264"}.get(codec, codec)
    assert (probe.size, probe.modified) == file_state(path)
    assert (probe.error, probe.damage, probe.verified) == ("", "", verify)


@pytest.mark.parametrize("verify", [False, True])
def test_a_folder_of_frames_tells_what_it_is(tmp_path, verify):
    probe = probe_video(str(write_frames(tmp_path / "frames")), verify)
    assert (probe.frames, probe.width, probe.height, probe.fps) == (12, 64, 48, 0)
    assert (probe.codec, probe.error) == ("images", "")


@pytest.mark.parametrize("verify", [False, True])
def test_what_cannot_be_read_is_told_with_its_reason(tmp_path, verify):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.avi").write_text("hello")
    (tmp_path / "folder.mp4").mkdir()
    good = write_video(tmp_path / "good.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(good[: len(good) // 2])
    for name in ("empty.mp4", "text.avi", "folder.mp4", "half.mp4", "nowhere.mp4"):
        probe = probe_video(str(tmp_path / name), verify)
        assert probe.error, name
        assert probe.frames == 0


def test_a_missing_video_is_told_so(tmp_path):
    assert probe_video(str(tmp_path / "x.mp4")).error == "there is no such file"


def test_a_video_cut_short_is_seen_without_decoding(tmp_path):
    path = write_video(tmp_path / "x.avi", "mpeg4", frames=100, b_frames=0)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    probe = probe_video(str(path))
    assert not probe.error
    assert 0 < probe.frames < 90
    assert "promises 100 frames" in probe.damage


def test_damage_within_frames_is_seen_when_verified(tmp_path):
    path = write_video(tmp_path / "x.avi", "mpeg4", 320, 240, frames=30, b_frames=0)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux() if packet.size]
    data = bytearray(path.read_bytes())
    for start, size in packets[5:15]:
        data[start + 20 : start + 8 + size // 2] = bytes(size // 2 - 12)
    path.write_bytes(data)
    assert not probe_video(str(path)).damage
    verified = probe_video(str(path), verify=True)
    assert "frames are corrupt" in verified.damage
    assert f"{verified.frames} frames come out of 30" in verified.damage
    assert not verified.error


def test_a_damaged_image_of_a_folder_is_named_when_verified(tmp_path):
    folder = write_frames(tmp_path / "frames")
    (folder / "image_00007.jpg").write_bytes(b"\xff\xd8")
    assert not probe_video(str(folder)).error
    assert probe_video(str(folder), verify=True).error.startswith("image_00007.jpg: ")
