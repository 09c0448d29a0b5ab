"""How files of extracted frames are named: a number before the extension, whatever stands ahead."""

import re

# image_00001.jpg as the PyTorch original extracts them; v_X_1.jpg, without zeros, is usual too.
FRAME_NAME = re.compile(r"(?P<number>\d{1,9})\.(?:jpe?g|png)$", re.IGNORECASE)


def frame_number(name):
    """The number of a frame by its file name, or None for a file that is no frame."""
    match = None if name.startswith(".") else FRAME_NAME.search(name)
    return match and int(match["number"])
