import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_console.lines import LineAssembler, TerminalLines
from gaffer_console.text import CUT, MAX_LINE, split_lines


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
def test_only_lines_over_the_limit_are_cut(step, end):
    written = [b"x" * MAX_LINE, b"y" * (MAX_LINE + 1), b"z" * 3 * MAX_LINE, b"short", b""]
    data = end.join(written)
    lines = LineAssembler()
    blocks = [lines.feed(data[at : at + step]) for at in range(0, len(data), step)]
    mark = CUT.encode()
    assert [line for block in blocks for line in split_lines(block)] == [
        b"x" * MAX_LINE,
        b"y" * MAX_LINE + mark,
        b"z" * MAX_LINE + mark,
        b"short",
    ]
    assert lines.end() == b""


def test_endless_line_uses_bounded_memory():
    lines = LineAssembler()
    assert not any(lines.feed(b"x" * 1000) for _ in range(10_000))
    assert split_lines(lines.end()) == [b"x" * MAX_LINE + CUT.encode()]


@pytest.mark.parametrize("shift", range(4))
def test_cut_does_not_split_a_character(shift):
    [line] = split_lines(b"x" * shift + "🐍".encode() * MAX_LINE + b"\n")
    assert line.decode() == "x" * shift + "🐍" * ((MAX_LINE - shift) // 4) + CUT


def test_cut_of_invalid_utf_8_terminates():
    [line] = split_lines(b"\x80" * 2 * MAX_LINE + b"\n")
    assert len(line) <= MAX_LINE + len(CUT.encode())


@given(st.lists(st.sampled_from([b"\n", b"a", b"\r", b"xyz", b"", b"q\nr"])))
def test_lines_do_not_depend_on_the_pieces(pieces):
    lines = LineAssembler()
    blocks = b"".join(map(lines.feed, pieces)) + lines.end()
    whole = b"".join(pieces)
    assert blocks == (whole if whole.endswith(b"\n") or not whole else whole + b"\n")


# TerminalLines


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
    lines = TerminalLines()
    shown = b"".join(lines.feed(written[at : at + step]) for at in range(0, len(written), step))
    assert b"".join(line + b"\n" for line in split_lines(shown + lines.end())) == left


def test_endless_spinner_uses_bounded_memory_and_keeps_the_last_text():
    lines = TerminalLines()
    assert not any(lines.feed(b"\r" + b"x" * 1000) for _ in range(10_000))
    assert lines.feed(b"\rlast word\n") == b"last word\n"


@given(st.binary(), st.integers(1, 9))
def test_terminal_lines_without_cr_equal_pipe_lines(data, step):
    data = data.replace(b"\r", b"")
    of_pipe, of_terminal = LineAssembler(), TerminalLines()
    for at in range(0, len(data), step):
        piece = data[at : at + step]
        assert of_terminal.feed(piece) == of_pipe.feed(piece)
    assert of_terminal.end() == of_pipe.end()
