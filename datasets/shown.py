"""Names from outside, fit to be shown: a file's name may hold anything."""

import unicodedata

# Control and format characters, among them those that turn the direction of writing; halves of
# characters, in which Python carries bytes that are no UTF-8; separators of lines.
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Emoji are joined of several by this one.
JOINER = "\u200d"


def shown(text):
    """A path, class or other name on one line, whatever is in it.

    Args:
        text: The name, a `str` or something that becomes one.

    Returns:
        The text with every character that is not shown as itself written as an escape.
    """
    return "".join(_escaped(c) if unicodedata.category(c) in HIDDEN else c for c in str(text))


def counted(number, one, many=None):
    """A number of things as people write it: `1 video`, `2,000 videos`.

    Args:
        number: How many there are.
        one: The word for one of them.
        many: The word for several; an "s" more where left out.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _escaped(character):
    if character == JOINER:
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        # A byte of a name that is not valid UTF-8.
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
