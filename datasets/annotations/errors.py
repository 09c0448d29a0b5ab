"""The one exception that a list of videos, an annotation or an index may end in."""

from datasets.shown import shown


class AnnotationError(ValueError):
    """A folder, annotation file or data option that cannot be used.

    Args:
        message: One line that names it and says what is wrong.
    """

    def __init__(self, message):
        super().__init__(shown(message))
