"""Videos and their labels, and the clips that are cut from them.

dataset = datasets.open_dataset("my_videos", part="train", frames=16, size=112)
splits = datasets.load_splits("UCF-101", "ucfTrainTestlist")
"""

import importlib

_MODULE_OF = {
    "AnnotationError": "datasets.annotations.errors",
    "VideoError": "datasets.decoding.errors",
    "load_splits": "datasets.annotations.formats",
    "open_dataset": "datasets.clips.labelled_clips",
}
__all__ = sorted(_MODULE_OF)


def __getattr__(name):
    """Import what is asked for; Paddle waits until then."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)
