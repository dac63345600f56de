"""Printing that never blocks the caller: a bounded queue, and a thread that writes.

A thread, because O_NONBLOCK on the descriptor would also apply to the shell that shares the
terminal. The thread also formats the lines, so that dropped lines cost little.
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
from gaffer_console.text import clean, split_lines

log = logging.getLogger(__name__)

QUEUE_SIZE = 1024 * 1024
"""Bytes queued for a slow terminal; beyond them the oldest lines are dropped."""
FLUSH_TIMEOUT = 2.0
"""Seconds to write the last lines when the printer is closed."""
COMPUTE_SLICE = 0.0005
"""Seconds that the thread computes before it pauses."""
# Approximate overhead of an entry, so that many short entries do not exceed the limit either.
_ENTRY_SIZE = 200
# Few enough to release the interpreter lock soon, many enough to save system calls.
_LINES_PER_WRITE = 200
RETRY_INTERVAL = 1.0
"""Seconds between two tries to write to a full disk; the lines in between are lost."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_OWN = "gaffer"
"""The name of lines that do not belong to a job."""


def log_lost(text: str) -> None:
    """Log that lines are lost on a full disk, or no longer."""
    log.warning("console: %s", text)


def log_broken_output(error: Exception) -> None:
    """Log that standard output accepts no more data."""
    log.warning("console: standard output is broken, nothing more is printed: %s", error)


class _Entry(NamedTuple):
    """Lines of one name and one time, in seconds since the epoch.

    Without a name they are lines of the console itself; without a number the name has no suffix.
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
    """Prints lines as `HH:MM:SS name | text`, in the order in which they are put. Can run once.

    Args:
        stream: the output; its file descriptor is used if it has one.
        colors: whether names are coloured and the colours of programs are kept.
        width: pad names to so many characters.
        lossless: drop nothing; the caller of `put` must wait while the printer `is_full`.
        on_broken: called with the error when the stream accepts no more data.
        on_lost: called in a thread with a line of text when lines begin to be lost on a full disk,
            and with one that has their number when it can be written again.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colors: bool,
        width: int = 0,
        lossless: bool = False,
        on_broken: Callable[[Exception], object] = log_broken_output,
        on_lost: Callable[[str], object] = log_lost,
    ) -> None:
        self._write = _writer(stream)
        self._encoding = stream.encoding or "utf-8"
        self._colors = colors
        self._width = width
        self._lossless = lossless
        self._on_broken = on_broken
        self._on_lost = on_lost
        self._lost = 0
        self._retry_at = 0.0
        self._rotation = Rotation()
        self._queue: deque[_Entry] = deque()
        self._size = 0
        self._dropped = 0
        self._open = False
        self._idle = False
        self._abandoned = False
        self._ready = threading.Condition()
        self._progress = trio.lowlevel.ParkingLot()
        self._token: trio.lowlevel.TrioToken | None = None

    def put(self, name: str, block: bytes, when: float | None = None, *, number: int = 0) -> None:
        """Queue lines. Never blocks; may drop the oldest lines in the queue.

        Args:
            name: the name of the job; empty for lines of the console. A name has one colour.
            block: the lines with their line ends, of any content.
            when: seconds since the epoch; now if not given.
            number: the slot, shown as `name.number`; not shown if 0.
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
        """Whether the queue is so full that callers should wait."""
        return self._size > QUEUE_SIZE / 2

    async def wait_room(self) -> None:
        """Wait until the printer is no longer full. Cancelling loses nothing."""
        await trio.lowlevel.checkpoint()
        while self.is_full:
            await self._progress.park()

    async def wait_idle(self) -> None:
        """Wait until all lines in the queue are printed, or the printer is closed."""
        await trio.lowlevel.checkpoint()
        while self._open and not self._idle:
            await self._progress.park()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Print while inside; on the way out, also on cancellation, flush within FLUSH_TIMEOUT.

        Lines that a stalled terminal does not accept by then are dropped.
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
                thread.deadline = trio.current_time() + FLUSH_TIMEOUT

    async def _run(self, scope: trio.CancelScope) -> None:
        with scope:
            # Its own limiter, so that a stalled terminal takes no thread from trio's shared limit.
            error = await trio.to_thread.run_sync(
                self._work, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1)
            )
            if error is not None:
                self._on_broken(error)
        self._abandoned = True

    def _close(self) -> None:
        with self._ready:
            self._open = False
            self._ready.notify()
        self._progress.unpark_all()

    # In the thread

    def _work(self) -> Exception | None:
        busy = time.thread_time()
        while (entry := self._next()) is not None:
            lines = split_lines(entry.block)
            for first in range(0, len(lines), _LINES_PER_WRITE):
                share = lines[first : first + _LINES_PER_WRITE]
                try:
                    self._print(entry, share, begins=first == 0)
                except (OSError, ValueError) as error:
                    self._give_up()
                    return error
                if self._abandoned:
                    return None
                busy = self._pause(busy)
        return None

    def _print(self, entry: _Entry, lines: list[bytes], *, begins: bool) -> None:
        """Write lines of an entry; lose them if the disk is full.

        Lines were dropped before the entry `begins`, not within it, unless by a full disk.

        Raises:
            OSError, ValueError: the stream accepts no more data.
        """
        if self._lost and self._open and time.monotonic() < self._retry_at:
            self._lose(lines, 0)
            return
        note, dropped = self._take_note(entry.time) if begins or self._lost else ("", 0)
        text = note + self._format(entry, lines)
        try:
            self._write(text.encode(self._encoding, "backslashreplace"))
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            if not self._lost:
                self._on_lost(f"standard output: {error.strerror}: lines are lost until it works")
            self._lose(lines, dropped)
            self._retry_at = time.monotonic() + RETRY_INTERVAL
            return
        if self._lost:
            self._on_lost(f"standard output: works again, lines lost: {self._lost:,}")
            self._lost = 0

    def _lose(self, lines: list[bytes], dropped: int) -> None:
        """Count lines that were not written, and those that a note had counted before."""
        self._lost += len(lines)
        with self._ready:
            self._dropped += len(lines) + dropped

    def _take_note(self, when: float) -> tuple[str, int]:
        """Return a line with the number of dropped lines, if there are any, and the number."""
        with self._ready:
            dropped, self._dropped = self._dropped, 0
        if not dropped:
            return "", 0
        note = b"... %d lines dropped" % dropped
        return self._format(_Entry("", note, when), [note]), dropped

    def _pause(self, busy: float) -> float:
        """Pause after each COMPUTE_SLICE of CPU time for as long as that took since `busy`.

        A thread that only computes holds the interpreter lock for 5 ms at a time, also across
        writes that return at once. No pause when lossless, because the processes wait anyway.
        """
        spent = time.thread_time() - busy
        if spent < COMPUTE_SLICE or self._lossless:
            return busy
        time.sleep(spent)
        return time.thread_time()

    def _next(self) -> _Entry | None:
        with self._ready:
            while not self._queue and self._open:
                self._idle = True
                self._wake_waiters()
                self._ready.wait()
            if not self._queue:
                return None
            entry = self._queue.popleft()
            was_full = self.is_full
            self._size -= entry.size
            if was_full and not self.is_full:
                self._wake_waiters()
            return entry

    def _wake_waiters(self) -> None:
        """Wake the tasks that wait for room or for the end of printing."""
        assert self._token is not None
        try:
            self._token.run_sync_soon(self._progress.unpark_all, idempotent=True)
        except trio.RunFinishedError:
            # The thread was abandoned, and trio has finished.
            pass

    def _give_up(self) -> None:
        with self._ready:
            self._open = False
            self._queue.clear()
            self._size = 0
            self._wake_waiters()

    def _format(self, entry: _Entry, lines: list[bytes]) -> str:
        stamp = time.strftime("%H:%M:%S", time.localtime(entry.time))
        prefix = f"{stamp} {entry.label:<{self._width}} |"
        if self._colors and entry.name:
            prefix = colored(self._rotation.get_color(entry.name), prefix)
        return "".join(f"{prefix} {clean(line, colors=self._colors)}\n" for line in lines)


def _writer(stream: TextIO) -> Callable[[bytes], None]:
    """Return a function that writes all bytes to `stream`.

    It uses the descriptor if there is one: a thread blocked inside the stream would hold its lock,
    and the interpreter could not exit.
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
            # EAGAIN: another process that shares the descriptor has set O_NONBLOCK.
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
