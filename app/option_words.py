"""What people type, put into the words that jsonargparse understands."""

# Options that take several numbers, written one after the other.
SERIES = {"--k"}


def plain_words(arguments, flags):
    """Rewrite the words of a command line.

    Args:
        arguments: The words.
        flags: Options that stand alone: `--resume` means `--resume true`.

    Returns:
        The words to parse.
    """
    return _with_lists(_with_flags(_with_underscores(arguments), flags))


def _with_underscores(words):
    """Options may be written with dashes as well: `--no-check` is `--no_check`."""
    plain = []
    for word in words:
        name, equals, value = word.partition("=")
        is_option = name.startswith("--")
        plain.append("--" + name[2:].replace("-", "_") + equals + value if is_option else word)
    return plain


def _with_flags(words, flags):
    """A flag alone is switched on, and leaves the word behind it alone."""
    plain = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        alone = word in flags and following.lower() not in ("true", "false", "yes", "no")
        plain.append(f"{word}=true" if alone else word)
    return plain


def _with_lists(words):
    """A series is one list to jsonargparse: `--k 1 5` becomes `--k [1,5]`."""
    plain = []
    for word in words:
        if word.isdigit() and len(plain) > 1 and plain[-2] in SERIES:
            plain[-1] = f"[{plain[-1].strip('[]')},{word}]"
        else:
            plain.append(word)
    return plain
