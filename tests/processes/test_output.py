"""The output of a process: kept once, read by many readers at their own pace."""

import pytest
import trio
import trio.testing

from gaffer_kernel.errors import NotFound, StreamUnavailable
from gaffer_kernel.processes.output import RECENT, TAIL, WINDOW, Output, OutputReader, Outputs


@pytest.fixture
def outputs() -> Outputs:
    return Outputs(["out", "err"])


def feed(outputs: Outputs, label: str, data: bytes) -> None:
    outputs.logs[label].feed(data)


async def everything(reader: OutputReader) -> list[Output]:
    return [output async for output in reader]


async def test_a_reader_receives_output_from_now_on(outputs):
    feed(outputs, "out", b"before")
    reader = outputs.reader("out")
    feed(outputs, "out", b"one ")
    feed(outputs, "out", b"two")
    outputs.close()
    assert await everything(reader) == [Output("out", b"one two", 0)]


async def test_a_reader_with_tail_begins_with_the_kept_bytes(outputs):
    feed(outputs, "out", b"before ")
    reader = outputs.reader("out", tail=True)
    feed(outputs, "out", b"after")
    outputs.close()
    assert await everything(reader) == [Output("out", b"before after", 0)]


async def test_recent_is_the_position_of_the_last_second(outputs, autojump_clock):
    log = outputs.logs["out"]
    assert log.recent == 0
    feed(outputs, "out", b"old")
    assert log.recent == 0
    await trio.sleep(RECENT * 0.9)
    feed(outputs, "out", b"new")
    assert log.recent == 0
    await trio.sleep(RECENT * 0.2)
    assert log.recent == len(b"old")
    await trio.sleep(RECENT)
    assert log.recent == log.end == len(b"oldnew")


async def test_a_flood_does_not_extend_recent(outputs, autojump_clock):
    log = outputs.logs["out"]
    for _ in range(300):
        feed(outputs, "out", b"x")
        await trio.sleep(0.01)
    assert 80 <= log.end - log.recent <= 110


async def test_rewind_begins_at_the_given_position(outputs):
    feed(outputs, "out", b"before ")
    feed(outputs, "out", b"x" * 2 * TAIL)
    reader = outputs.reader("out")
    reader.rewind(lambda log: 7)
    assert await reader.receive() == Output("out", b"x" * TAIL, lost=TAIL)
    assert reader.receive_nowait() is None


async def test_only_the_tail_is_kept_without_readers(outputs):
    for number in range(10_000):
        feed(outputs, "out", b"%06d\n" % number)
    outputs.close()
    [output] = await everything(outputs.reader("out", tail=True))
    assert len(output.data) == TAIL
    assert output.data.endswith(b"009998\n009999\n")


@pytest.mark.parametrize("size", [TAIL - 1, TAIL, TAIL + 1, WINDOW + 1, 3 * WINDOW])
async def test_a_piece_larger_than_the_tail_leaves_its_end(outputs, size):
    piece = bytes(number % 251 for number in range(size))
    feed(outputs, "out", b"old")
    feed(outputs, "out", piece)
    outputs.close()
    [output] = await everything(outputs.reader("out", tail=True))
    assert output.data == (b"old" + piece)[-TAIL:]


async def test_a_reader_of_dot_reads_all_labels(outputs):
    one, both = outputs.reader("err"), outputs.reader(".")
    feed(outputs, "out", b"a")
    feed(outputs, "err", b"b")
    outputs.close()
    assert await everything(one) == [Output("err", b"b")]
    assert sorted(await everything(both)) == [Output("err", b"b"), Output("out", b"a")]


async def test_a_flood_on_one_label_does_not_hide_another(outputs):
    reader = outputs.reader(".")
    feed(outputs, "out", b"x" * 100)
    assert (await reader.receive()).label == "out"
    seen = []
    for number in range(10):
        feed(outputs, "out", b"x" * 100)
        if number == 3:
            feed(outputs, "err", b"help")
        seen.append((await reader.receive()).label)
    assert "err" in seen[3:5]


async def test_a_slow_reader_loses_its_oldest_bytes_and_receives_their_number(outputs):
    slow, fast = outputs.reader("out"), outputs.reader("out")
    got = 0
    for number in range(300):
        feed(outputs, "out", number.to_bytes(4, "big") * 2500)
        output = await fast.receive()
        assert output.lost == 0
        got += len(output.data)
    late = await slow.receive()
    assert got == 3_000_000
    assert len(late.data) == WINDOW
    assert late.lost == 3_000_000 - WINDOW
    assert late.data[-4:] == (299).to_bytes(4, "big")
    feed(outputs, "out", b"caught up")
    assert await slow.receive() == Output("out", b"caught up", 0)


async def test_buffer_is_freed_after_the_last_reader(outputs):
    reader = outputs.reader("out")
    feed(outputs, "out", b"x" * WINDOW)
    reader.close()
    feed(outputs, "out", b"y")
    outputs.close()
    [output] = await everything(outputs.reader("out", tail=True))
    assert len(output.data) == TAIL


async def test_a_waiting_reader_wakes_up_on_output_and_eof(outputs, autojump_clock):
    async with trio.open_nursery() as nursery:

        async def write_later() -> None:
            await trio.sleep(1)
            feed(outputs, "err", b"not yours")
            await trio.sleep(1)
            feed(outputs, "out", b"yours")
            await trio.sleep(1)
            outputs.close()

        nursery.start_soon(write_later)
        reader = outputs.reader("out")
        assert await reader.receive() == Output("out", b"yours")
        assert trio.current_time() == 2
        assert await reader.receive() is None
    assert trio.current_time() == 3


async def test_a_reader_ends_with_its_last_label(outputs):
    reader = outputs.reader(".")
    feed(outputs, "out", b"last")
    outputs.logs["out"].close()
    assert await reader.receive() == Output("out", b"last")
    assert not reader.at_end
    feed(outputs, "err", b"more")
    assert await reader.receive() == Output("err", b"more")
    outputs.logs["err"].close()
    assert reader.at_end
    assert await reader.receive() is None


async def test_a_cancelled_wait_loses_nothing(outputs):
    reader = outputs.reader("out")
    with trio.CancelScope() as scope:
        scope.cancel()
        await reader.receive()
    feed(outputs, "out", b"kept")
    with trio.CancelScope() as scope:
        scope.cancel()
        await reader.receive()
    assert await reader.receive() == Output("out", b"kept")


async def test_receive_nowait_works_in_a_hook(outputs):
    reader = outputs.reader("out")
    assert reader.receive_nowait() is None
    feed(outputs, "out", b"now")
    assert reader.receive_nowait() == Output("out", b"now")
    assert reader.receive_nowait() is None


async def test_received_bytes_do_not_change_later(outputs):
    buffer = bytearray(b"first")
    reader = outputs.reader("out")
    outputs.logs["out"].feed(memoryview(buffer))
    buffer[:] = b"other"
    output = await reader.receive()
    feed(outputs, "out", b"x" * 2 * WINDOW)
    assert output.data == b"first"


async def test_two_readers_of_one_label_are_independent(outputs):
    one = outputs.reader("out")
    feed(outputs, "out", b"a")
    two = outputs.reader("out")
    feed(outputs, "out", b"b")
    assert (await one.receive()).data == b"ab"
    assert (await two.receive()).data == b"b"
    one.close()
    feed(outputs, "out", b"c" * 2 * TAIL)
    assert (await two.receive()).lost == 0


def test_an_unknown_label_is_named_in_the_error(outputs):
    with pytest.raises(NotFound, match="nope") as caught:
        outputs.reader("nope")
    assert caught.value.kind == "stream"


@pytest.mark.parametrize("label", [".", "out"])
def test_reader_of_a_process_without_redirection_is_an_error(label):
    with pytest.raises(StreamUnavailable, match="redirect"):
        Outputs([]).reader(label)
