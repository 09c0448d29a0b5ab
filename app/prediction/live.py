"""What one sees of a stream while it runs: its pictures, with the latest class on them."""

import io
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from app.errors import UserError
from app.prediction.caption import draw_caption

# This machine only: whoever may look at a camera is not for us to decide.
HOST = "127.0.0.1"
PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Live</title>
<style>body { margin: 0; background: #111 } img { display: block; margin: auto; width: 100%;
max-width: 960px }</style>
<img src="/stream" alt="The stream, with its class">
"""
BOUNDARY = "picture"


class LiveView:
    """The pictures of one stream, as they come.

    Args:
        copy: `VideoCopy` to write them to, or None.
        page: `LivePage` to show them on, or None.

    Attributes:
        caption: Text to draw on them.
    """

    def __init__(self, copy=None, page=None):
        self._copy, self._page = copy, page
        self.caption = "…"

    def show(self, frame, seconds):
        """Take a frame.

        Args:
            frame: `av.VideoFrame`.
            seconds: Its time.
        """
        if self._copy is None and (self._page is None or not self._page.is_watched):
            return
        picture = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
        draw_caption(picture, self.caption)
        if self._copy is not None:
            self._copy.write(picture, seconds)
        if self._page is not None:
            self._page.show(picture)


class LivePage:
    """A page on this machine that shows the latest picture as motion JPEG.

    Args:
        port: Where to listen; 0 for any that is free.

    Attributes:
        address: Of the page.
        is_watched: Whether anybody looks at it.

    Raises:
        UserError: The port is taken or not allowed.
    """

    def __init__(self, port):
        self._new_picture = threading.Condition()
        self._picture, self._number = None, 0
        self._watchers = 0
        self._closed = False
        try:
            self._server = ThreadingHTTPServer((HOST, port), _handler(self))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"--serve {port}: cannot be listened on: {reason}") from None
        self._server.daemon_threads = True
        # A viewer whose connection hangs must not keep the command from ending.
        self._server.block_on_close = False
        self.address = f"http://{HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        """Stop listening; those who look see the end of the stream."""
        with self._new_picture:
            self._closed = True
            self._new_picture.notify_all()
        self._server.shutdown()
        self._server.server_close()

    @property
    def is_watched(self):
        return self._watchers > 0

    def show(self, picture):
        """Show uint8 `[H, W, 3]` RGB to all who look."""
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=85)
        with self._new_picture:
            self._picture, self._number = file.getvalue(), self._number + 1
            self._new_picture.notify_all()

    @contextmanager
    def pictures(self):
        """One viewer's pictures as JPEG, the latest each time; ends when the page is closed."""
        with self._new_picture:
            self._watchers += 1
        try:
            yield self._pictures()
        finally:
            with self._new_picture:
                self._watchers -= 1

    def _pictures(self):
        seen = self._number
        while True:
            with self._new_picture:
                while not self._closed and self._number == seen:
                    self._new_picture.wait()
                if self._closed:
                    return
                seen, picture = self._number, self._picture
            yield picture


def _handler(page):
    class Handler(BaseHTTPRequestHandler):
        # Of a viewer that takes nothing any more.
        timeout = 30

        def do_GET(self):  # noqa: N802 - the name that the standard library calls
            if self.path == "/":
                self._begin("text/html; charset=utf-8")
                self.wfile.write(PAGE)
            elif self.path == "/stream":
                self._begin(f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                # The viewer may go at any time.
                with suppress(OSError):
                    self._stream()
            else:
                self.send_error(404)

        def _begin(self, content_type):
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()

        def _stream(self):
            with page.pictures() as pictures:
                for picture in pictures:
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                    head += f"Content-Length: {len(picture)}\r\n\r\n"
                    self.wfile.write(head.encode() + picture + b"\r\n")

        def log_message(self, *_):
            """Say nothing: standard error is for what goes wrong."""

    return Handler
