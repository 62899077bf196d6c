"""What reaches a terminal of text that others wrote."""

import pytest

from ensearch.errors import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, caf\u00e9 \u4f60\u597d", "plain, caf\u00e9 \u4f60\u597d"),
        ("two\nlines", "two\nlines"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("over\rwritten\x08\t", "over\\rwritten\\x08\\t"),
        ("right\u202eleft", "right\\u202eleft"),
        ("\udcff", "\\udcff"),
        ("a\u2028b\x9bc", "a\\u2028b\\x9bc"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    printable(text).encode()


def test_names_have_one_line() -> None:
    assert printable("two\nlines", keep="") == "two\\nlines"
