"""Errors that end a command with one line instead of a traceback."""


class UserError(Exception):
    """Something that the user can mend: an option, a folder, a file; the message is one line."""
