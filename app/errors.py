"""Errors that end a command with one line instead of a traceback."""

import errno
from contextlib import contextmanager

# What a disk or a folder does to a command; none of it is a mistake of ours.
DISK_TROUBLE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
}


class UserError(Exception):
    """Something that the user can mend: an option, a folder, a file; the message is one line."""


@contextmanager
def writing(place, advice=None):
    """Turn what a disk does to files under way into one line.

    Args:
        place: The file or folder, named where the error names none.
        advice: Called without arguments when it happened, says what is kept or what to do; or None.

    Raises:
        UserError: The disk is full, or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            raise
        reason = f"{error.filename or place}: cannot be written: {error.strerror}"
        raise UserError(f"{reason}; {advice()}" if advice else reason) from None
