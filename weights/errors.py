"""The one error that the weights room raises about a file."""


class WeightsError(Exception):
    """A weight file cannot be used.

    Args:
        path: The file, or the name the user gave.
        reason: One line: what is wrong and, where there is a way out, what to do.
    """

    def __init__(self, path, reason):
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self):
        return f"{self.path}: {self.reason}"
