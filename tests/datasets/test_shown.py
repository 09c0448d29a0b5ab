import pytest

from datasets.shown import shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b/ü-跑步.mp4", "a b/ü-跑步.mp4"),
        ("👩‍👧 run", "👩‍👧 run"),
        ("a\x1b[31mred\x07", r"a\x1b[31mred\x07"),
        ("two\nlines\tand\r", r"two\nlines\tand\r"),
        ("mp4.\u202eexe", r"mp4.\u202eexe"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), r"caf\xe9"),
        ("\u2028\x9b", r"\u2028\x9b"),
    ],
)
def test_only_what_hides_is_escaped(text, expected):
    assert shown(text) == expected
