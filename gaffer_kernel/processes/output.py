"""The output of a process: a short tail for later readers, and a larger buffer while one reads.

Bytes are kept once for each label, for any number of readers; a reader is only a position. A reader
that falls behind the buffer loses its own oldest bytes and receives their number. The process and
other readers never wait for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import trio

from gaffer_kernel.errors import NotFound, StreamUnavailable
from gaffer_kernel.processes.read_times import ReadTime, ReadTimes

TAIL = 8 * 1024
"""Bytes kept of each label while it has no reader."""
WINDOW = 1024 * 1024
"""Bytes kept of each label while it has readers."""
PIECE_SIZE = 4096
"""Bytes up to which small pieces are joined."""
RECENT = 1.0
"""Seconds: how far back `OutputLog.recent` goes."""
MARKS = 10
"""How many positions are kept of that time."""


class Output(NamedTuple):
    """A piece of output: its label, the bytes, and how many bytes before it this reader lost."""

    label: str
    data: bytes
    lost: int = 0


class OutputLog:
    """The last bytes of one label, addressed by their position since the start of the process.

    They are kept in the pieces in which they were read: a flood is copied once for all readers.

    Attributes:
        end: bytes written so far.
        readers: how many readers there are; the larger buffer is kept for them.
        closed: whether EOF was reached.
        times: when the bytes were read.
    """

    def __init__(self, label: str, wakes: trio.lowlevel.ParkingLot) -> None:
        self.label = label
        self.end = 0
        self.readers = 0
        self.closed = False
        self.times = ReadTimes()
        self._pieces: deque[bytes] = deque()
        self._marks: deque[tuple[float, int]] = deque(maxlen=MARKS)
        self._kept = 0
        self._wakes = wakes

    @property
    def start(self) -> int:
        """Position of the oldest byte that is kept."""
        return self.end - min(self._kept, WINDOW if self.readers else TAIL)

    @property
    def recent(self) -> int:
        """Position of the oldest byte that is at most RECENT seconds old; `end` if there is none.

        It is exact to a tenth of that time.
        """
        oldest = trio.current_time() - RECENT
        return next((position for at, position in self._marks if at >= oldest), self.end)

    def feed(self, data: bytes | memoryview) -> None:
        """Append a copy of bytes read from the pipe. Never blocks."""
        self._mark()
        self.end += len(data)
        if self.readers:
            self._append(data)
        else:
            self._keep_tail(data)
        if self._wakes:
            self._wakes.unpark_all()

    def _mark(self) -> None:
        now = trio.current_time()
        if now >= self.times.due:
            self.times.mark(now, self.end, self.start)
        if not self._marks or now - self._marks[-1][0] >= RECENT / MARKS:
            self._marks.append((now, self.end))

    def _append(self, data: bytes | memoryview) -> None:
        # Single lines are joined, or the buffer would consist of tiny objects.
        if self._pieces and len(self._pieces[-1]) + len(data) <= PIECE_SIZE:
            self._pieces[-1] += bytes(data)
        else:
            self._pieces.append(bytes(data))
        self._kept += len(data)
        while self._kept - len(self._pieces[0]) >= WINDOW:
            self._kept -= len(self._pieces.popleft())

    def _keep_tail(self, data: bytes | memoryview) -> None:
        room = max(0, TAIL - len(data))
        before = b"".join(self._pieces)[-room:] if room else b""
        tail = before + bytes(data[-TAIL:])
        self._pieces = deque([tail])
        self._kept = len(tail)

    def remove_reader(self) -> None:
        """Count one reader less; without readers only the tail is kept."""
        self.readers -= 1
        if not self.readers and self._kept > TAIL:
            self._keep_tail(b"")

    def close(self) -> None:
        """Mark EOF: readers end once they have read the rest."""
        self.closed = True
        self._wakes.unpark_all()

    def since(self, position: int) -> tuple[bytes, int]:
        """Return the bytes kept from a position on, and how many before them are lost."""
        lost = max(0, self.start - position)
        missing = self.end - position - lost
        pieces: list[bytes] = []
        for piece in reversed(self._pieces):
            if missing <= 0:
                break
            pieces.append(piece if len(piece) <= missing else piece[-missing:])
            missing -= len(piece)
        # A reader that keeps up gets the last piece itself, not a copy.
        return pieces[0] if len(pieces) == 1 else b"".join(reversed(pieces)), lost


class OutputReader:
    """A reader of one or more labels: an asynchronous iterator of Output.

    The larger buffer is kept for it from its creation until `close`.
    """

    def __init__(self, logs: Iterable[OutputLog], wakes: trio.lowlevel.ParkingLot) -> None:
        self._positions = {log: log.end for log in logs}
        self._wakes = wakes
        self._last: tuple[OutputLog, int] | None = None
        for log in self._positions:
            log.readers += 1

    def close(self) -> None:
        """Stop reading."""
        for log in self._positions:
            log.remove_reader()
        self._positions.clear()

    def rewind(self, position: Callable[[OutputLog], int] | None = None) -> None:
        """Go back to bytes that were written before this reader was created.

        Args:
            position: returns where to begin in each label; bytes that are no longer kept count as
                lost. The oldest byte kept if not given.
        """
        self._positions = {
            log: log.start if position is None else position(log) for log in self._positions
        }

    @property
    def times(self) -> list[ReadTime]:
        """When the bytes of the last Output were read, oldest first; empty if there was none.

        The positions are those in its data; the first one is 0. Ask before the next Output.
        """
        if self._last is None:
            return []
        log, start = self._last
        return [
            ReadTime(max(0, position - start), time) for position, time in log.times.since(start)
        ]

    @property
    def at_end(self) -> bool:
        """Whether every label has reached EOF and been read to its end."""
        return all(log.closed and at == log.end for log, at in self._positions.items())

    def receive_nowait(self) -> Output | None:
        """Return all that one label has for this reader now; None if there is nothing."""
        for log, position in self._positions.items():
            if position < log.end:
                data, lost = log.since(position)
                # To the end of the dictionary, so that a flooding label does not hide the others.
                del self._positions[log]
                self._positions[log] = log.end
                self._last = log, log.end - len(data)
                return Output(log.label, data, lost)
        return None

    async def receive(self) -> Output | None:
        """Wait for output and return all that one label has; None once every label has ended.

        Cancelling the wait loses nothing.
        """
        await trio.lowlevel.checkpoint()
        while (output := self.receive_nowait()) is None and not self.at_end:
            await self._wakes.park()
        return output

    def __aiter__(self) -> OutputReader:
        return self

    async def __anext__(self) -> Output:
        output = await self.receive()
        if output is None:
            raise StopAsyncIteration
        return output


class Outputs:
    """The logs of all streams of one process that can be read, by label."""

    def __init__(self, labels: Iterable[str]) -> None:
        self._wakes = trio.lowlevel.ParkingLot()
        self._logs = {label: OutputLog(label, self._wakes) for label in labels}

    @property
    def logs(self) -> Mapping[str, OutputLog]:
        """The log of each label."""
        return self._logs

    def close(self) -> None:
        """End every label."""
        for log in self._logs.values():
            log.close()

    def _select(self, label: str) -> list[OutputLog]:
        if not self._logs:
            raise StreamUnavailable(label, "no output of this process is redirected")
        if label == ".":
            return list(self._logs.values())
        if label not in self._logs:
            raise NotFound("stream", label)
        return [self._logs[label]]

    def reader(self, label: str = ".", *, tail: bool = False) -> OutputReader:
        """Return a reader of one label, or of all with `.`, from now on; the caller closes it.

        Args:
            label: as in `redirect_output` or `custom_streams`.
            tail: begin with the bytes that are kept of the time before.

        Raises:
            StreamUnavailable: nothing is redirected.
            NotFound: no such label.
        """
        reader = OutputReader(self._select(label), self._wakes)
        if tail:
            reader.rewind()
        return reader
