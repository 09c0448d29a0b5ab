"""python -m app board: the VisualDL dashboard."""

import os
import sys
from pathlib import Path

from app.errors import UserError


def open_board(config):
    """Start VisualDL on this machine only and hand the process over to it.

    Args:
        config: ``app.configuration.BoardConfig``.

    Raises:
        UserError: There is no such folder, or no log in it.
    """
    folder = Path(config.run_dir)
    if not folder.is_dir():
        raise UserError(f"--run_dir {folder}: no such folder; `python -m app fit` makes one")
    if not any(folder.rglob("vdlrecords*.log")):
        raise UserError(f"--run_dir {folder}: no VisualDL log in it or below it")
    print(f"http://127.0.0.1:{config.port} shows {folder}; Ctrl-C ends it", flush=True)
    server = [sys.executable, "-m", "visualdl.server.app"]
    # Without a language the page answers with an error to browsers that speak neither English nor
    # Chinese; telemetry is on unless switched off.
    options = f"--host 127.0.0.1 --port {config.port} -L en --disable-telemetry".split()
    os.execv(server[0], [*server, "--logdir", str(folder), *options])
