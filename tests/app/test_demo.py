import importlib.util
import os
import shutil
import signal
import socket
import tempfile
import time
import urllib.request

import pytest
from PIL import Image

from app.configuration import DemoConfig
from app.demo import find_examples, open_demo
from app.errors import UserError
from app.inference.open_engine import open_engine
from app.prediction import demo_video
from app.prediction.demo_video import DemoVideo
from app.prediction.grad_cam import GradCam
from app.run_folder import RunFolder
from app.trained import find_trained
from datasets.index.splits import Splits
from datasets.index.video_index import Row, VideoIndex
from tests.app.small_run import start
from tests.app.trained import LABELS, write_run
from tests.videos import decode_all, write_video

HARD_NAME = '<img src=x onerror="document.title=1"> ${document.title=2} "跑" 🏃'
HAS_GRADIO = importlib.util.find_spec("gradio") is not None
needs_gradio = pytest.mark.skipif(not HAS_GRADIO, reason="requirements-demo.txt is not installed")
BROWSER = (
    HAS_GRADIO
    and importlib.util.find_spec("selenium")
    and shutil.which("chromium")
    and shutil.which("chromedriver")
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("demo") / "run")


@pytest.fixture
def video(run, tmp_path):
    grad_cam = GradCam.open(find_trained(run), "cpu")
    return DemoVideo(open_engine(run, device="cpu"), grad_cam, tmp_path)


def keep_videos(run, rows):
    """Make a run's validation of `(path, class number)`."""
    index = VideoIndex.from_rows(LABELS, [Row(str(path), label) for path, label in rows])
    Splits("made", {"train": index, "val": index}).save(RunFolder(run).videos)


def test_without_gradio_it_is_said_what_to_install(run, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install -r requirements-demo.txt"):
        open_demo(DemoConfig(str(run)))


def test_the_classes_come_first_and_the_explanation_later(video, tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=30)
    first, last = video.answers(str(path))
    note, scores, timeline, explained = last
    assert first == (None, scores, timeline, None)
    assert note is None
    assert set(scores) == set(LABELS) and sum(scores.values()) == pytest.approx(1, abs=1e-5)
    with Image.open(timeline) as picture:
        assert picture.size == (880, 396)
    assert len(decode_all(explained)) == 30


def test_what_is_no_video_is_named(video, tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_text("no video")
    ((note, *rest),) = video.answers(str(path))
    assert note.startswith("notes.mp4 cannot be read as a video: ") and rest == [None] * 3
    assert str(tmp_path) not in note
    assert video.playable(str(path)) == str(path)


def test_without_a_video_there_is_nothing(video):
    assert list(video.answers(None)) == [(None,) * 4]
    assert video.playable(None) is None


def test_a_long_video_and_an_exported_network_are_not_explained(run, tmp_path, monkeypatch):
    path = str(write_video(tmp_path / "a.mp4", frames=30))
    engine = open_engine(run, device="cpu")
    ((note, scores, timeline, explained),) = DemoVideo(engine, None, tmp_path).answers(path)
    assert "exported" in note and scores and timeline and explained is None
    monkeypatch.setattr(demo_video, "LONGEST_EXPLAINED", 2)
    grad_cam = GradCam.open(find_trained(run), "cpu")
    ((note, *_),) = DemoVideo(engine, grad_cam, tmp_path).answers(path)
    assert "too long" in note


def test_browsers_get_a_copy_of_what_they_cannot_play(video, tmp_path):
    plays = str(write_video(tmp_path / "a.mp4", frames=8))
    assert video.playable(plays) == plays
    for name, codec in (("b.avi", "mpeg4"), ("c.mp4", "mpeg4"), ("d.mkv", "libx264")):
        path = str(write_video(tmp_path / name, codec=codec, frames=8))
        copy = video.playable(path)
        assert copy != path and copy.endswith(".mp4") and len(decode_all(copy)) == 8
        assert video.playable(copy) == copy
        assert (video.original(copy), video.original(path)) == (path, path)


def test_old_results_do_not_fill_the_disk(video, tmp_path, monkeypatch):
    monkeypatch.setattr(demo_video, "KEPT", 4)
    path = write_video(tmp_path / "a.mp4", frames=8)
    for _ in range(4):
        *_, last = video.answers(str(path))
        assert last[2].exists() and last[3].exists()
    assert len([entry for entry in tmp_path.iterdir() if entry.is_dir()]) == 4


def test_examples_are_of_all_classes_and_can_be_read(tmp_path):
    run = write_run(tmp_path / "run")
    trained = find_trained(run)
    assert find_examples(trained) == []
    paths = [tmp_path / f"{number}.mp4" for number in range(6)]
    for path in paths[:5]:
        write_video(path, frames=8)
    paths[0].write_text("broken")
    keep_videos(run, zip(paths, (0, 0, 0, 1, 2, 3), strict=True))
    found = [(path, label) for path, label, _ in find_examples(trained)]
    # The broken one and the one that has gone are left out.
    wanted = [(3, "run"), (4, "jump"), (1, "walk"), (2, "walk")]
    assert found == [(str(paths[number]), label) for number, label in wanted]


@needs_gradio
def test_a_port_that_is_taken_is_named(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {port}"):
            open_demo(DemoConfig(str(run), port=port))


@pytest.fixture
def page(tmp_path):
    """The address of a running page, and the process; everything about it has a hard name."""
    run = write_run(tmp_path / HARD_NAME)
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join([HARD_NAME, *LABELS[1:]]), encoding="utf-8")
    example = write_video(tmp_path / f"{HARD_NAME}.avi", codec="mpeg4", frames=20)
    keep_videos(run, [(example, 0)])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start("demo", run, "--labels", labels, "--port", port, "--device", "cpu")
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, process.communicate()
                time.sleep(0.5)
        yield address, process
    finally:
        process.kill()
        process.communicate()


@needs_gradio
@pytest.mark.slow
def test_the_page_keeps_to_itself_and_ends_when_told_to(page):
    address, process = page
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    for path in ("/etc/passwd", os.path.abspath("README.md")):
        with pytest.raises(OSError, match="403"):
            urllib.request.urlopen(f"{address}/gradio_api/file={path}", timeout=30)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert address in out and "Traceback" not in err


@pytest.mark.skipif(not BROWSER, reason="gradio, selenium, chromium or chromedriver is missing")
@pytest.mark.slow
def test_a_browser_shows_what_is_uploaded(page, tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (
        *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        # A camera that shows a moving picture, and may be used.
        *("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream"),
        f"user-data-dir={tempfile.mkdtemp(dir=tmp_path)}",
    ):
        options.add_argument(f"--{flag}")
    browser = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        browser.get(page[0])

        def shows(text):
            body = browser.find_element(By.TAG_NAME, "body")
            WebDriverWait(browser, 60).until(lambda _: text in body.text, f"never shown: {text}")

        def upload(path):
            browser.find_element(By.CSS_SELECTOR, "#chosen input[type=file]").send_keys(str(path))

        def click(selector):
            found = WebDriverWait(browser, 60).until(
                lambda _: browser.find_elements(By.CSS_SELECTOR, selector), selector
            )
            # Messages that come and go may lie over it.
            browser.execute_script("arguments[0].click()", found[0])

        def played():
            places = browser.find_elements(By.CSS_SELECTOR, "#explained video")
            return any("grad-cam" in place.get_attribute("src") for place in places)

        shows("Drop Video Here")
        shows(HARD_NAME)
        upload(write_video(tmp_path / "a.mp4", frames=30))
        shows("Scores over time")
        WebDriverWait(browser, 60).until(lambda _: played(), "no Grad-CAM")
        click("#chosen button[aria-label=Clear]")
        shows("Drop Video Here")
        (tmp_path / "broken.mp4").write_bytes(bytes(3000))
        upload(tmp_path / "broken.mp4")
        WebDriverWait(browser, 60).until(
            lambda _: any(
                "broken.mp4 cannot be read as a video" in note.get_attribute("value")
                for note in browser.find_elements(By.TAG_NAME, "textarea")
            )
        )
        click("#examples button[aria-label^=Thumbnail]")
        WebDriverWait(browser, 60).until(lambda _: played(), "no Grad-CAM of an example")
        click("#chosen button[aria-label=Clear]")
        click("#chosen button[aria-label='Capture from camera']")
        shows("Click to Access Webcam")
        click("#chosen button")
        shows("Record")
        click("#chosen .capture-button")
        shows("Stop")
        time.sleep(2)
        click("#chosen .capture-button")
        WebDriverWait(browser, 60).until(lambda _: played(), "no Grad-CAM of the camera")
        # No name has become a script.
        assert browser.title == "Action recognition"
    finally:
        browser.quit()
