import http.server
import io
import socket
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from app.configuration import PredictConfig
from app.errors import UserError
from app.predict import predict
from app.prediction.live import LivePage
from tests.app.trained import LABELS, write_run
from tests.videos import decode_all, write_video


@pytest.fixture
def page():
    page = LivePage(0)
    yield page
    page.close()


def next_picture(stream):
    """The next picture of motion JPEG: uint8 ``[H, W, 3]``."""
    assert stream.readline() == b"--picture\r\n"
    assert stream.readline() == b"Content-Type: image/jpeg\r\n"
    length = int(stream.readline().removeprefix(b"Content-Length: "))
    assert stream.readline() == b"\r\n"
    data = stream.read(length)
    assert stream.readline() == b"\r\n"
    return np.asarray(Image.open(io.BytesIO(data)))


def wait_until(is_true, seconds=20):
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_page_shows_the_pictures_as_they_come(page):
    with urllib.request.urlopen(page.address) as answer:
        assert b'<img src="/stream"' in answer.read()
    assert not page.is_watched
    with urllib.request.urlopen(f"{page.address}/stream") as stream:
        assert stream.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=picture"
        wait_until(lambda: page.is_watched)
        for brightness in (50, 200):
            picture = np.full((48, 64, 3), brightness, np.uint8)
            shower = threading.Timer(0.05, page.show, [picture])
            shower.start()
            np.testing.assert_allclose(next_picture(stream), picture, atol=2)
            shower.join()
        page.close()
        assert stream.read() == b""


def test_other_addresses_are_refused(page):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{page.address}/etc/passwd")


def test_a_viewer_who_leaves_is_forgotten(page):
    urllib.request.urlopen(f"{page.address}/stream").close()

    def has_gone():
        page.show(np.zeros((480, 640, 3), np.uint8))
        return not page.is_watched

    wait_until(has_gone)


def test_a_port_that_is_taken_is_named(page):
    port = int(page.address.rpartition(":")[2])
    with pytest.raises(UserError, match=f"--serve {port}: cannot be listened on: Address already"):
        LivePage(port)


@pytest.fixture
def slow_stream(tmp_path):
    """The address of 100 frames that come as slowly as from a camera."""
    video = write_video(tmp_path / "video.ts", frames=100, b_frames=0, gop=10, fps=50)
    data = video.read_bytes()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            self.send_response(200)
            self.end_headers()
            for start in range(0, len(data), 2000):
                self.wfile.write(data[start : start + 2000])
                time.sleep(2 * 2000 / len(data))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/camera"
    server.shutdown()
    server.server_close()


def test_a_stream_is_watched_and_written_while_it_runs(slow_stream, tmp_path, capsys):
    run = write_run(tmp_path / "run")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    seen = []

    def watch():
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/stream") as stream:
                    while True:
                        seen.append(next_picture(stream))
            except (OSError, AssertionError):
                if seen:
                    return
                time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    copy = tmp_path / "out.mp4"
    config = PredictConfig(str(run), [slow_stream], annotate=str(copy), serve=port, device="cpu")
    report = predict(config)
    watcher.join()
    assert (report.exit_code, report.files) == (0, [str(copy)])
    assert report.predictions[0].n_frames == 100
    shown = capsys.readouterr()
    assert f"watch on http://127.0.0.1:{port}" in shown.err
    lines = [line for line in shown.out.splitlines() if "latency" in line]
    assert [line.split()[0] for line in lines[:3]] == ["0:00.0", "0:00.2", "0:00.3"]
    assert len(lines) == 13 and all(line.split()[2] in LABELS for line in lines)
    frames = decode_all(copy)
    times = [float(frame.time) for frame in frames]
    np.testing.assert_allclose(times, np.arange(100) / 50, atol=1e-3)
    # Each picture that was seen is one of the copy; in grey, as JPEG halves the colours.
    written = np.stack([frame.to_ndarray(format="gray") for frame in frames]).astype(int)
    for picture in seen[::10]:
        grey = np.asarray(Image.fromarray(picture).convert("L"))
        assert np.abs(written - grey).mean(axis=(1, 2)).min() < 6


def test_a_copy_that_cannot_be_written_keeps_the_predictions(
    slow_stream, tmp_path, monkeypatch, capsys
):
    written = []

    def fill(self, picture, seconds):
        written.append(seconds)
        if len(written) > 30:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.prediction.video_copy.VideoCopy.write", fill)
    run, copy = write_run(tmp_path / "run"), tmp_path / "out.mp4"
    report = predict(PredictConfig(str(run), [slow_stream], annotate=str(copy), device="cpu"))
    assert (report.exit_code, report.files, copy.exists()) == (1, [], False)
    assert report.predictions[0].starts == [0, 8, 16]
    assert f"--annotate {copy}: cannot be written: No space left" in capsys.readouterr().err
