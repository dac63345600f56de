import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_console.lines import LineAssembler
from gaffer_console.text import CONTINUED, MAX_LINE, split_lines


def test_partial_lines_are_joined():
    lines = LineAssembler()
    assert lines.feed(b"he") == b""
    assert lines.feed(b"llo\nwor") == b"hello\n"
    assert lines.feed(b"ld\n\n") == b"world\n\n"
    assert lines.end() == b""


def test_partial_line_is_completed_at_the_end():
    lines = LineAssembler()
    lines.feed(b"one\ntwo")
    assert lines.end() == b"two\n"
    assert lines.end() == b""


def test_split_lines_removes_the_cr_of_crlf():
    assert split_lines(b"dos\r\nbar\rs\n") == [b"dos", b"bar\rs"]


@pytest.mark.parametrize("step", [1, 999, 32 * 1024, 10**6])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_only_lines_over_the_limit_are_split(step, end):
    written = [b"x" * MAX_LINE, b"y" * (MAX_LINE + 1), b"z" * 3 * MAX_LINE, b"short", b""]
    data = end.join(written)
    lines = LineAssembler()
    blocks = [lines.feed(data[at : at + step]) for at in range(0, len(data), step)]
    mark = CONTINUED.encode()
    assert [line for block in blocks for line in split_lines(block)] == [
        b"x" * MAX_LINE,
        b"y" * MAX_LINE + mark,
        b"y",
        b"z" * MAX_LINE + mark,
        b"z" * MAX_LINE + mark,
        b"z" * MAX_LINE,
        b"short",
    ]
    assert lines.end() == b""


def test_endless_line_is_shown_in_pieces_and_uses_bounded_memory():
    lines = LineAssembler()
    shown = b"".join(lines.feed(b"x" * 1000) for _ in range(10_000))
    assert shown.count(b"x") >= 10_000_000 - MAX_LINE
    assert len(lines.end()) <= MAX_LINE + 1
    assert set(split_lines(shown)) == {b"x" * MAX_LINE + CONTINUED.encode()}


@pytest.mark.parametrize("shift", range(4))
def test_split_does_not_split_a_character(shift):
    whole = b"x" * shift + "🐍".encode() * MAX_LINE
    shown = split_lines(LineAssembler().feed(whole + b"\n"))
    assert "".join(line.decode().removesuffix(CONTINUED) for line in shown) == whole.decode()


def test_split_of_invalid_utf_8_loses_nothing():
    shown = split_lines(LineAssembler().feed(b"\x81" * 2 * MAX_LINE + b"\n"))
    assert sum(line.count(b"\x81") for line in shown) == 2 * MAX_LINE


@given(st.lists(st.sampled_from([b"\n", b"a", b"xyz", b"", b"q\nr"])))
def test_lines_do_not_depend_on_the_pieces(pieces):
    lines = LineAssembler()
    blocks = b"".join(map(lines.feed, pieces)) + lines.end()
    whole = b"".join(pieces)
    assert blocks == (whole if whole.endswith(b"\n") or not whole else whole + b"\n")


# Unfinished lines


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        ([b"Name: ", b"Bob\n"], [b"Name: ", b"Bob"]),
        ([b"50%", b"\r100%\n"], [b"50%", b"100%"]),
        ([b"50%\r", b"100%\n"], [b"50%", b"100%"]),
        ([b"done", b"\n", b"next\n"], [b"done", b"next"]),
        ([b"done", b"\r", b"\n", b"\nnext\n"], [b"done", b"", b"next"]),
        ([b"done\r", b"\nnext"], [b"done", b"next"]),
        ([b"\r", b"\r"], []),
        ([b"caf\xc3", b"\xa9\n"], [b"caf", b"\xc3\xa9"]),
        ([b"cut \xe2\x82"], [b"cut ", b"\xe2\x82"]),
    ],
)
def test_flush_shows_an_unfinished_line_once(pieces, shown):
    lines = LineAssembler()
    blocks = [part for piece in pieces for part in (lines.feed(piece), lines.flush())]
    assert split_lines(b"".join(blocks) + lines.end()) == shown


def test_holds_only_while_there_is_text():
    lines = LineAssembler()
    for data, holds in ((b"a", True), (b"\n", False), (b"\r", False), (b"b", True)):
        lines.feed(data)
        assert lines.holds is holds
    lines.flush()
    assert not lines.holds


# Carriage returns


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("written", "left"),
    [
        (b"10%\r20%\r100%\ndone\n", b"100%\ndone\n"),
        (b"dos\r\nunix\n", b"dos\nunix\n"),
        (b"twice\r\r\n", b"twice\n"),
        (b"\rone\n\r\n", b"one\n\n"),
        (b"plain\n", b"plain\n"),
        (b"spinner " * 10 + b"\r" + b"last", b"last\n"),
        (b"one\r", b"one\n"),
    ],
)
def test_carriage_return_discards_the_text_before_it(written, left, step):
    lines = LineAssembler()
    shown = b"".join(lines.feed(written[at : at + step]) for at in range(0, len(written), step))
    assert b"".join(line + b"\n" for line in split_lines(shown + lines.end())) == left


def test_endless_spinner_uses_bounded_memory_and_keeps_the_last_text():
    lines = LineAssembler()
    assert not any(lines.feed(b"\r" + b"x" * 1000) for _ in range(10_000))
    assert lines.feed(b"\rlast word\n") == b"last word\n"
