"""The times at which output was read, for the bytes that are kept."""

import pytest
import trio

from gaffer_kernel.processes.output import TAIL, WINDOW, Outputs
from gaffer_kernel.processes.read_times import MAX_MARKS, RESOLUTION, ReadTimes


class Wall:
    """A wall clock that each reading puts forward by a second."""

    def __init__(self):
        self.readings = 0

    def __call__(self):
        self.readings += 1
        return float(self.readings)


@pytest.fixture
def wall(monkeypatch):
    wall = Wall()
    monkeypatch.setattr(ReadTimes.__init__, "__defaults__", (wall,))
    return wall


async def read(outputs, data, label="out"):
    """Read bytes a while after those before."""
    await trio.sleep(1)
    outputs.logs[label].feed(data)


async def test_each_read_has_its_time(wall, autojump_clock):
    outputs = Outputs(["out", "err"])
    reader = outputs.reader(".")
    assert reader.times == []
    await read(outputs, b"one")
    await read(outputs, b"three", "err")
    await read(outputs, b"two")
    assert (await reader.receive()).data == b"onetwo"
    assert reader.times == [(0, 1.0), (3, 3.0)]
    assert (await reader.receive()).data == b"three"
    assert reader.times == [(0, 2.0)]


async def test_reads_within_a_millisecond_have_one_time(wall, autojump_clock):
    outputs = Outputs(["out"])
    reader = outputs.reader()
    for data in (b"a", b"b", b"c"):
        await trio.sleep(RESOLUTION / 4)
        outputs.logs["out"].feed(data)
    await reader.receive()
    assert (reader.times, wall.readings) == ([(0, 1.0)], 1)
    await trio.sleep(RESOLUTION)
    outputs.logs["out"].feed(b"d")
    await reader.receive()
    assert reader.times == [(0, 2.0)]


async def test_tail_has_the_times_of_its_bytes(wall, autojump_clock):
    outputs = Outputs(["out"])
    await read(outputs, b"x" * TAIL)
    await read(outputs, b"y" * (TAIL - 10))
    await read(outputs, b"z" * 5)
    reader = outputs.reader(tail=True)
    assert len((await reader.receive()).data) == TAIL
    assert reader.times == [(0, 1.0), (5, 2.0), (TAIL - 5, 3.0)]


async def test_slow_reader_gets_the_times_of_what_is_left(wall, autojump_clock):
    outputs = Outputs(["out"])
    reader = outputs.reader()
    for _ in range(4):
        await read(outputs, b"x" * (WINDOW // 2))
    output = await reader.receive()
    assert (len(output.data), output.lost) == (WINDOW, WINDOW)
    assert reader.times == [(0, 3.0), (WINDOW // 2, 4.0)]


def test_number_of_times_is_bounded(wall):
    times = ReadTimes()
    for position in range(10 * MAX_MARKS):
        times.mark(position, position, 0)
    found = times.since(0)
    assert len(found) <= MAX_MARKS
    assert found[0] == (0, 1.0)
    assert found[-1] == (10 * MAX_MARKS - 1, 10.0 * MAX_MARKS)
    # Where times were forgotten, bytes have an earlier one, never a later one.
    assert all(time == position + 1 for position, time in found)


def test_times_of_bytes_that_are_no_longer_kept_are_forgotten(wall):
    times = ReadTimes()
    for position in range(10):
        times.mark(position, position, max(0, position - 3))
    assert [position for position, _ in times.since(0)] == [6, 7, 8, 9]
    assert [position for position, _ in times.since(8)] == [8, 9]
