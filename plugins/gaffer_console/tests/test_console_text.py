import time

import pytest

from gaffer_console.text import clean


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"plain", "plain"),
        ("žluť 🐍".encode(), "žluť 🐍"),
        (b"  kept  indent\tand tab ", "  kept  indent\tand tab "),
        (b"bad \xff\xfe utf-8", "bad \\xff\\xfe utf-8"),
        (b"half \xe2\x82", "half \\xe2\\x82"),
        (b"over\rwrite \x08 \x00 \x07 \x7f", "over\\x0dwrite \\x08 \\x00 \\x07 \\x7f"),
        (b"\x1b]0;title\x07after", "after"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b]52;c;cm0gLXJm\x9c", "52;c;cm0gLXJm\\x9c"),
        ("\x9d0;title\x9cafter".encode(), "after"),
        (b"\x1bPq#0\x1b\\after", "after"),
        (b"\x1b_G\x1b\\a\x1b^p\x1b\\b\x1bXs\x1b\\c", "abc"),
        (b"\x1b[2J\x1b[1;1Hat home", "at home"),
        (b"\x1b[?1049h\x1b[6nx", "x"),
        (b"\x1b[>4;2mx\x1b[?4my", "xy"),
        ("\x9b31mx".encode(), "x"),
        (b"\x1bcreset\x1b(B", "reset"),
        (b"never ends \x1b]0;title", "never ends 0;title"),
        (b"never ends \x1b[31", "never ends 31"),
        (b"last \x1b", "last \\x1b"),
        (b"twice \x1b\x1b[2J", "twice \\x1b"),
        (b"\x1b[31mred\x1b[0m", "red"),
        ("a\u202enimda \u2066b\u2069 \u200f".encode(), "a\\u202enimda \\u2066b\\u2069 \\u200f"),
    ],
)
def test_clean_without_colors_leaves_only_text(line, expected):
    assert clean(line, colors=False) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"\x1b[31mred", "\x1b[31mred\x1b[0m"),
        (b"\x1b[38;5;9mred\x1b[0m", "\x1b[38;5;9mred\x1b[0m\x1b[0m"),
        (b"\x1b[4:3mcurly\x1b[2K", "\x1b[4:3mcurly\x1b[0m"),
        (b"\x1b[mx", "\x1b[mx\x1b[0m"),
        (b"\x1b[2Jno colour", "no colour"),
    ],
)
def test_clean_with_colors_resets_them_at_the_end(line, expected):
    assert clean(line, colors=True) == expected


@pytest.mark.parametrize("unit", [b"\x1b]", b"\x1b[", b"\x1bP", b"\xc2\x9d", b"\x1b[1", b"\x1b"])
def test_clean_takes_linear_time(unit):
    clean(unit * 20_000, colors=True)
    start = time.process_time()
    clean(unit * 20_000, colors=True)
    assert time.process_time() - start < 2
