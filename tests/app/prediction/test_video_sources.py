import os

import pytest

from app.prediction.video_sources import VideoSource, file_name, find_sources


@pytest.fixture
def folder(tmp_path):
    for name in ("b.mp4", "a.avi", "notes.txt", "deep/c.mkv", "frames/image_00001.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "nothing").mkdir()
    return tmp_path


def found(folder, *words):
    sources, failed = find_sources(words)
    assert failed == {}
    return [(os.path.relpath(source.name, folder), source.kind) for source in sources]


def test_a_folder_gives_its_videos_and_folders_of_frames(folder):
    assert found(folder, str(folder)) == [
        ("a.avi", "video"),
        ("b.mp4", "video"),
        ("deep/c.mkv", "video"),
        ("frames", "video"),
    ]


def test_a_folder_of_frames_is_one_video(folder):
    assert found(folder, str(folder / "frames")) == [("frames", "video")]


def test_globs_are_followed_and_nothing_is_seen_twice(folder):
    words = [f"{folder}/*.mp4", str(folder / "b.mp4"), f"{folder}/**/*.mkv"]
    assert found(folder, *words) == [("b.mp4", "video"), ("deep/c.mkv", "video")]


def test_links_to_folders_are_followed_once(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "d.mp4").write_bytes(b"")
    (folder / "deep" / "linked").symlink_to(elsewhere)
    (folder / "deep" / "loop").symlink_to("..")
    (folder / "deep" / "itself").symlink_to("itself")
    names = [name for name, _ in found(folder, str(folder))]
    assert names == ["a.avi", "b.mp4", "deep/c.mkv", "deep/linked/d.mp4", "frames"]


def test_any_file_that_is_named_is_taken(folder):
    assert found(folder, str(folder / "notes.txt")) == [("notes.txt", "video")]


def test_image_sequences_and_streams_are_recognised():
    sources, failed = find_sources(["frames/image_%05d.jpg", "rtsp://camera/1", "/dev/null"])
    assert [source.kind for source in sources] == ["sequence", "stream", "stream"]
    assert failed == {}


def test_what_leads_nowhere_is_named_with_the_reason(folder):
    words = [f"{folder}/x.mp4", f"{folder}/*.mov", f"{folder}/nothing", "/dev/video99"]
    sources, failed = find_sources([*words, str(folder / "b.mp4")])
    assert len(sources) == 1
    assert failed == {
        words[0]: "there is no such file or folder",
        words[1]: "nothing matches this pattern",
        words[2]: "no videos in this folder",
        words[3]: "there is no such camera",
    }


def test_an_empty_folder_in_a_pattern_is_named_and_the_others_are_found(folder):
    sources, failed = find_sources([f"{folder}/*"])
    assert [os.path.relpath(source.name, folder) for source in sources] == [
        *("a.avi", "b.mp4", "deep/c.mkv", "frames", "notes.txt"),
    ]
    assert failed == {f"{folder}/nothing": "no videos in this folder"}


def test_a_number_is_a_camera(monkeypatch, folder):
    assert find_sources(["99"]) == ([], {"/dev/video99": "there is no such camera"})
    exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/dev/video0" or exists(path))
    assert find_sources(["0"]) == ([VideoSource("/dev/video0", "stream")], {})
    monkeypatch.chdir(folder)
    (folder / "0").write_bytes(b"")
    assert find_sources(["0"]) == ([VideoSource("0", "video")], {})


def test_long_names_are_cut_and_stay_apart():
    names = [f"{'动作视频测试标题很长' * 8}{number:04d}.mp4" for number in range(2)]
    made = [file_name(VideoSource(name, "video"), ".timeline.png") for name in names]
    assert [len(name.encode()) <= 255 for name in made] == [True, True]
    assert made[0] != made[1] and made[0].endswith(".timeline.png")


def test_file_names_fit_any_file_system():
    assert file_name(VideoSource("a/b c?.mp4", "video")) == "b_c"
    assert file_name(VideoSource("rtsp://camera:554/one", "stream")) == "rtsp_camera_554_one"
