"""Where downloaded and converted weights lie, and what else this project keeps for its user."""

import os
from pathlib import Path


def cache_folder():
    """The project's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "paddle-3d-resnets")


def weights_folder():
    """The folder of weights: in the project itself, or in the cache where it was installed."""
    here = Path(__file__).parent
    return here if (here.parent / "pyproject.toml").is_file() else cache_folder() / "weights"
