"""python -m app board: the VisualDL dashboard.

python -m app board
python -m app board runs/mine --port 8041
"""

import os
import sys
from pathlib import Path

from app.errors import UserError
from app.ports import check_port
from datasets.shown import shown


def open_board(config):
    """Start VisualDL and hand the process over to it.

    Args:
        config: `app.configuration.BoardConfig`.

    Raises:
        UserError: There is no such folder, no log in it, or the port is taken.
    """
    folder = Path(config.run_dir)
    if not folder.is_dir():
        raise UserError(f"{shown(folder)}: no such folder; `python -m app fit` makes one")
    if not any(folder.rglob("vdlrecords*.log")):
        raise UserError(f"{shown(folder)}: no VisualDL log in it or below it")
    # VisualDL goes on without a word where it cannot listen.
    check_port(config.host, config.port)
    print(f"http://{config.host}:{config.port} shows {shown(folder)}; Ctrl-C ends it", flush=True)
    server = [sys.executable, "-m", "visualdl.server.app", "--logdir", str(folder)]
    # Without a language the page answers with an error to browsers that speak neither English nor
    # Chinese; telemetry is on unless switched off.
    server += ["--host", config.host, "--port", str(config.port), "-L", "en", "--disable-telemetry"]
    os.execv(server[0], server)
