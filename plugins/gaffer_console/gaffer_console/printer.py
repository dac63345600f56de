"""Printing that never blocks who prints: a bounded queue, and a thread that writes.

A thread and not a non-blocking descriptor, because O_NONBLOCK would also change the terminal of the
shell that started us. The thread formats too: lines that are dropped cost next to nothing.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TextIO

import trio

from gaffer_console.color import Rotation, colored
from gaffer_console.text import clean, split

log = logging.getLogger(__name__)

QUEUE_SIZE = 1024 * 1024
"""Bytes that wait for a slow terminal; beyond them the oldest lines are dropped."""
LAST_LINES = 2.0
"""Seconds the last lines are given to reach the terminal."""
BUSY = 0.0005
"""Seconds the thread computes before it rests."""
# What an entry takes besides its bytes, roughly: many short ones must not fill the memory either.
_ENTRY_SIZE = 200
# Few enough that the thread soon lets go of the interpreter, many enough to save system calls.
_LINES_PER_WRITE = 200
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_OWN = "gaffer"
"""The name of lines that are nobody's."""


def say_it_is_gone(error: Exception) -> None:
    """Leave a line in the log when standard output takes nothing more."""
    log.warning("console: nothing more is printed, standard output is gone: %s", error)


class _Entry(NamedTuple):
    """Lines of one name, of one moment; `time` in seconds since the epoch.

    Without a name they are the console's own; without a number, not of one process among others.
    """

    name: str
    block: bytes
    time: float
    number: int = 0

    @property
    def label(self) -> str:
        return f"{self.name}.{self.number}" if self.number else self.name or _OWN

    @property
    def size(self) -> int:
        return len(self.block) + _ENTRY_SIZE


class Printer:
    """Prints lines as `HH:MM:SS name | text`, in the order in which they are put. Runs once.

    Args:
        stream: where to; its file descriptor is used if it has one.
        colors: whether names are coloured and programs may use colours.
        width: characters to which names are filled up.
        lossless: drop nothing. Then whoever puts lines waits while it `is_full`.
        on_gone: called with the error if the stream takes nothing more.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colors: bool,
        width: int = 0,
        lossless: bool = False,
        on_gone: Callable[[Exception], object] = say_it_is_gone,
    ) -> None:
        self._write = _writer(stream)
        self._encoding = stream.encoding or "utf-8"
        self._colors = colors
        self._width = width
        self._lossless = lossless
        self._on_gone = on_gone
        self._rotation = Rotation()
        self._queue: deque[_Entry] = deque()
        self._size = 0
        self._dropped = 0
        self._open = False
        self._idle = False
        self._abandoned = False
        self._ready = threading.Condition()
        self._news = trio.lowlevel.ParkingLot()
        self._token: trio.lowlevel.TrioToken | None = None

    def put(self, name: str, block: bytes, when: float | None = None, *, number: int = 0) -> None:
        """Have lines printed. Never blocks; may drop the oldest that wait.

        Args:
            name: whose lines; nobody's if empty. What has one name has one colour.
            block: the lines with their ends, of any content.
            when: seconds since the epoch; now if not given.
            number: which one of that name, shown as `name.number`; not shown if 0.
        """
        entry = _Entry(name, block, time.time() if when is None else when, number)
        with self._ready:
            if not self._open or not block:
                return
            self._queue.append(entry)
            self._idle = False
            self._size += entry.size
            while self._size > QUEUE_SIZE and len(self._queue) > 1 and not self._lossless:
                oldest = self._queue.popleft()
                self._size -= oldest.size
                self._dropped += oldest.block.count(b"\n")
            self._ready.notify()

    @property
    def is_full(self) -> bool:
        """Whether so much waits that more should not be put."""
        return self._size > QUEUE_SIZE / 2

    async def wait_room(self) -> None:
        """Wait until it is no longer full. Cancelling it loses nothing."""
        await trio.lowlevel.checkpoint()
        while self.is_full:
            await self._news.park()

    async def wait_idle(self) -> None:
        """Wait until all that was put has been printed, or never will be."""
        await trio.lowlevel.checkpoint()
        while self._open and not self._idle:
            await self._news.park()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Print what is put while inside; on the way out, the lines that wait, within LAST_LINES.

        On cancel the same. A terminal that takes nothing is left behind with what it did not take.
        """
        thread = trio.CancelScope(shield=True)
        self._token = trio.lowlevel.current_trio_token()
        self._open = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run, thread)
            try:
                yield
            finally:
                self._close()
                thread.deadline = trio.current_time() + LAST_LINES

    async def _run(self, scope: trio.CancelScope) -> None:
        with scope:
            # A limiter of its own: a stalled terminal must not take a thread from anybody else.
            gone = await trio.to_thread.run_sync(
                self._work, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1)
            )
            if gone is not None:
                self._on_gone(gone)
        self._abandoned = True

    def _close(self) -> None:
        with self._ready:
            self._open = False
            self._ready.notify()
        self._news.unpark_all()

    # In the thread

    def _work(self) -> Exception | None:
        busy = time.thread_time()
        while (entry := self._next()) is not None:
            lines = split(entry.block)
            for first in range(0, len(lines), _LINES_PER_WRITE):
                share = lines[first : first + _LINES_PER_WRITE]
                text = self._format(entry, share)
                try:
                    self._write(text.encode(self._encoding, "backslashreplace"))
                except (OSError, ValueError) as error:
                    if getattr(error, "errno", None) not in _DISK_FULL:
                        self._give_up()
                        return error
                    self._note_dropped(len(share))
                if self._abandoned:
                    return None
                busy = self._rest(busy)
        return None

    def _rest(self, busy: float) -> float:
        """Pause, every BUSY seconds of computing, for as long as that took since `busy`.

        A thread that only computes keeps the interpreter from the kernel for 5 ms at a time, and a
        write that takes no time does not change that. Not if the processes wait for it anyway.
        """
        spent = time.thread_time() - busy
        if spent < BUSY or self._lossless:
            return busy
        time.sleep(spent)
        return time.thread_time()

    def _next(self) -> _Entry | None:
        with self._ready:
            while not self._queue and self._open:
                self._idle = True
                self._tell()
                self._ready.wait()
            if self._dropped and self._queue:
                note = b"... %d lines dropped\n" % self._dropped
                self._dropped = 0
                return _Entry("", note, self._queue[0].time)
            if not self._queue:
                return None
            entry = self._queue.popleft()
            was_full = self.is_full
            self._size -= entry.size
            if was_full and not self.is_full:
                self._tell()
            return entry

    def _tell(self) -> None:
        """Have those look again who wait for room or for the end."""
        assert self._token is not None
        try:
            self._token.run_sync_soon(self._news.unpark_all, idempotent=True)
        except trio.RunFinishedError:
            # This thread was left behind.
            pass

    def _note_dropped(self, count: int) -> None:
        with self._ready:
            self._dropped += count

    def _give_up(self) -> None:
        with self._ready:
            self._open = False
            self._queue.clear()
            self._size = 0
            self._tell()

    def _format(self, entry: _Entry, lines: list[bytes]) -> str:
        stamp = time.strftime("%H:%M:%S", time.localtime(entry.time))
        prefix = f"{stamp} {entry.label:<{self._width}} |"
        if self._colors and entry.name:
            prefix = colored(self._rotation.color_of(entry.name), prefix)
        return "".join(f"{prefix} {clean(line, colors=self._colors)}\n" for line in lines)


def _writer(stream: TextIO) -> Callable[[bytes], None]:
    """What writes bytes to `stream` and returns once all of them are taken.

    The descriptor is preferred to the stream: a thread stuck inside the stream would hold its lock,
    and keep the interpreter from ending.
    """
    try:
        fd = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return lambda data: _write_text(stream, data)
    return lambda data: _write_all(fd, data)


def _write_text(stream: TextIO, data: bytes) -> None:
    stream.write(data.decode(stream.encoding or "utf-8"))
    stream.flush()


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            # Somebody else who shares it made it non-blocking.
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
