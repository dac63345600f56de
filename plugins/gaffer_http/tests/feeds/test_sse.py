"""Server-sent events, parsed as a client does, for any division into chunks."""

import json

import pytest
from gaffer_kernel.plugin import ReadTime
from gaffer_kernel.processes.output import Output
from hypothesis import given
from hypothesis import strategies as st

from gaffer_http.feeds.output import (
    MAX_LINE,
    RawOutput,
    SseOutput,
    TimedOutput,
    TimedSseOutput,
)
from gaffer_http.feeds.sse import message


def parse(data):
    """Parse messages as a client does, as tuples of type, text and number."""
    messages = []
    for block in data.decode().split("\r\n\r\n")[:-1]:
        fields = [line.partition(": ") for line in block.split("\r\n")]
        values = {}
        for name, _, value in fields:
            values.setdefault(name, []).append(value)
        assert set(values) <= {"id", "event", "data"}
        [event] = values["event"]
        messages.append((event, "\n".join(values["data"]), values.get("id", [None])[0]))
    return messages


def encode_all(encoder, *outputs):
    pieces = b"".join(piece for output in outputs for piece in encoder.encode(output))
    return parse(pieces + encoder.flush())


def test_message_has_type_data_and_id():
    assert message("a", event="out") == b"event: out\r\ndata: a\r\n\r\n"
    assert message("a\nb\n", event="out") == b"event: out\r\ndata: a\r\ndata: b\r\n\r\n"
    assert message("{}", event="spawn", seq=7) == b"id: 7\r\nevent: spawn\r\ndata: {}\r\n\r\n"


@pytest.mark.parametrize("text", ["a\r\nb", "a\rb", "a\nb\n", "a\r\nb\r\n", "a\rb\r"])
def test_each_line_is_a_data_line(text):
    assert parse(message(text, event="out")) == [("out", "a\nb", None)]


def test_text_cannot_inject_a_field():
    text = "\n\nevent: exit\rid: 9\r\ndata: x"
    [(event, data, seq)] = parse(message(text, event="out"))
    assert (event, data, seq) == ("out", "\n\nevent: exit\nid: 9\ndata: x", None)


def test_lines_are_sent_whole():
    encoder = SseOutput()
    assert encode_all(encoder, Output("out", b"one\ntw")) == [
        ("out", "one", None),
        ("out", "tw", None),
    ]
    assert b"".join(encoder.encode(Output("out", b"thr"))) == b""
    assert encoder.holds
    assert encode_all(encoder, Output("out", b"ee\n")) == [("out", "three", None)]
    assert not encoder.holds


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"))),
    st.integers(min_value=1, max_value=9),
)
def test_text_arrives_for_any_division_into_chunks(lines, size):
    data = "".join(f"{line}\n" for line in lines).encode()
    pieces = [Output("out", data[at : at + size]) for at in range(0, len(data), size)]
    messages = encode_all(SseOutput(), *pieces)
    assert "".join(f"{text}\n" for _, text, _ in messages) == data.decode()


def test_streams_are_not_mixed():
    messages = encode_all(
        SseOutput(), Output("out", b"a"), Output("err", b"x\n"), Output("out", b"b\n")
    )
    assert messages == [("err", "x", None), ("out", "ab", None)]


def test_invalid_utf_8_is_replaced():
    assert encode_all(SseOutput(), Output("out", b"a\xff\n")) == [("out", "a\ufffd", None)]


def test_gap_is_reported_in_its_place():
    first, gap, last = encode_all(SseOutput(), Output("out", b"hal"), Output("out", b"f\n", lost=5))
    assert (first, last) == (("out", "hal", None), ("out", "f", None))
    assert (gap[0], json.loads(gap[1])) == ("gap", {"label": "out", "lost": 5})


def test_long_line_is_one_message():
    line = b"x" * 200_000
    assert encode_all(SseOutput(), Output("out", line + b"\n")) == [("out", line.decode(), None)]


def test_pieces_of_a_line_above_the_limit_are_marked():
    line = b"x" * (2 * MAX_LINE + 1000)
    messages = encode_all(SseOutput(), Output("out", line + b"\nnext\n"))
    pieces = [text for label, text, _ in messages if label == "out"]
    assert "".join(pieces) == f"{line.decode()}\nnext"
    assert [label for label, _, _ in messages] == ["out", *["cut", "out"] * (len(pieces) - 1)]
    assert json.loads(messages[1][1]) == {"label": "out"}


def test_line_without_end_is_not_buffered_forever():
    encoder = SseOutput()
    for _ in range(10 * MAX_LINE // 1000):
        assert all(len(piece) < 2 * MAX_LINE for piece in encoder.encode(Output("o", b"x" * 1000)))
    assert len(encoder.flush()) <= 2 * MAX_LINE


def test_raw_bytes_are_unchanged():
    encoder = RawOutput()
    assert list(encoder.encode(Output("out", b"\xff\r\n", lost=1))) == [b"\xff\r\n"]
    assert (encoder.holds, encoder.flush()) == (False, b"")


def timed(label, data, *times, lost=0):
    return TimedOutput(Output(label, data, lost), [ReadTime(*each) for each in times])


def test_time_precedes_lines_of_another_time():
    messages = encode_all(
        TimedSseOutput(),
        timed("out", b"a\nb\nc\n", (0, 1.5), (4, 2.5)),
        timed("err", b"d\n", (0, 2.5)),
        timed("out", b"e\n", (0, 2.0)),
    )
    assert messages == [
        ("time", '{"time":1.5}', None),
        ("out", "a\nb", None),
        ("time", '{"time":2.5}', None),
        ("out", "c", None),
        ("err", "d", None),
        ("time", '{"time":2.0}', None),
        ("out", "e", None),
    ]


def test_time_of_a_line_is_that_of_its_end():
    encoder = TimedSseOutput()
    messages = encode_all(
        encoder,
        timed("out", b"begins ", (0, 1.0)),
        timed("err", b"x\n", (0, 2.0)),
        timed("out", b"ends\nprompt", (0, 3.0), (5, 4.0)),
    )
    assert messages == [
        ("time", '{"time":2.0}', None),
        ("err", "x", None),
        ("time", '{"time":3.0}', None),
        ("out", "begins ends", None),
        ("time", '{"time":4.0}', None),
        ("out", "prompt", None),
    ]


def test_gap_is_reported_once_with_times():
    messages = encode_all(TimedSseOutput(), timed("out", b"a\nb\n", (0, 1.0), (2, 2.0), lost=7))
    assert [event for event, _, _ in messages] == ["gap", "time", "out", "time", "out"]
