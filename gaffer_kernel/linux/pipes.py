"""The pipes, pseudo-terminals and two-way streams of one child, read and written."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import trio

from gaffer_kernel.linux.poller import FLOOD, Poller
from gaffer_kernel.linux.shortage import is_shortage
from gaffer_kernel.linux.spawn import Started

SHORT_READ = 2048
"""Bytes: a shorter read is not followed by another, because most probably nothing is left. A
pseudo-terminal returns at most 4095 bytes at once."""
WIDE_PIPE = 1024 * 1024
MAX_DRAINS = 8
"""Reads of each output after the exit of the child: what it leaves behind may write forever."""


class Pipes:
    """The parent's ends of a child's standard streams and two-way streams.

    Args:
        started: the descriptors; owned by this from now on.
        poller: watches those that are read.
        on_output: gets a label and the bytes read, to be copied before it returns.
        on_eof: called after a stream has ended.
    """

    def __init__(
        self,
        started: Started,
        poller: Poller,
        on_output: Callable[[str, memoryview], None],
        on_eof: Callable[[], None],
    ) -> None:
        self._readers = started.readers
        self._writers = dict(started.streams)
        if started.stdin is not None:
            self._writers["stdin"] = started.stdin
        self._locks = {label: trio.Lock() for label in self._writers}
        self._poller = poller
        self._on_output = on_output
        self._on_eof = on_eof
        self._held: set[int] = set()
        self._wide: set[int] = set()
        self._may_widen = True
        for fd in self._readers:
            poller.add(fd, partial(self._read, fd))

    # Input

    async def write(self, label: str, data: bytes) -> None:
        """Write all of the data to stdin or a two-way stream."""
        async with self._locks[label]:
            view = memoryview(data)
            while view:
                fd = self._writers.get(label)
                if fd is None:
                    raise BrokenPipeError(f"{label} is closed")
                try:
                    view = view[os.write(fd, view) :]
                except BlockingIOError:
                    await self._wait_writable(label, fd)
            await trio.lowlevel.checkpoint()

    async def _wait_writable(self, label: str, fd: int) -> None:
        try:
            await trio.lowlevel.wait_writable(fd)
        except trio.ClosedResourceError:
            raise BrokenPipeError(f"{label} is closed") from None

    def close_input(self, label: str) -> None:
        """Close the parent's end; half-close a stream that is also read."""
        fd = self._writers.pop(label, None)
        if fd is None:
            return
        trio.lowlevel.notify_closing(fd)
        if fd in self._readers:
            _shut_writing(fd)
        else:
            os.close(fd)

    # Output

    @property
    def is_open(self) -> bool:
        """Whether an output has not reached EOF."""
        return bool(self._readers)

    @property
    def is_held(self) -> bool:
        """Whether an output is held."""
        return bool(self._held)

    def keep_narrow(self) -> None:
        """Widen no pipe: a reader that must not lose anything could not hold as much."""
        self._may_widen = False

    def hold(self) -> None:
        """Stop reading the outputs of the child, so that it blocks once its pipes are full."""
        outputs = self._readers.keys() - self._writers.values() - self._held
        for fd in outputs:
            # Removed, not ignored: epoll would report a hang-up (EPOLLHUP) again and again.
            self._poller.remove(fd)
        self._held |= outputs

    def read_on(self) -> None:
        """End the hold."""
        for fd in self._held:
            self._poller.add(fd, partial(self._read, fd))
        self._held.clear()

    def drain(self) -> None:
        """Read what is left of the outputs that are not held, up to MAX_DRAINS reads of each."""
        for fd in self._readers.keys() - self._held:
            # What a shortage leaves unread here, the poller reads later.
            with suppress(MemoryError, OSError):
                for _ in range(MAX_DRAINS):
                    if fd not in self._readers or not self._read(fd):
                        break

    def _read(self, fd: int) -> int:
        """Read what there is, up to one turn's share; return how many bytes."""
        size = 0
        buffer = self._poller.buffer
        while size < len(buffer):
            try:
                got = os.readv(fd, [buffer])
            except BlockingIOError:
                break
            except OSError as error:
                if is_shortage(error):
                    raise
                # EIO: a pseudo-terminal without writers. ECONNRESET: a two-way stream that the
                # child closed with unread data.
                got = 0
            if not got:
                self._close_reader(fd)
                self._on_eof()
                return size
            size += got
            self._on_output(self._readers[fd], buffer[:got])
            if got < SHORT_READ:
                break
        if size >= FLOOD and fd not in self._wide and self._may_widen:
            self._widen(fd)
        return size

    def _widen(self, fd: int) -> None:
        # A flood through a pipe of 64 KiB costs a context switch for each 64 KiB. Only on demand:
        # the sum of the pipe buffers of an ordinary user is limited (pipe-user-pages-soft).
        self._wide.add(fd)
        try:
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, WIDE_PIPE)
        except OSError:
            # EPERM above the user's limit, EBADF for a socket: it works as well, only slower.
            pass

    def _close_reader(self, fd: int) -> None:
        label = self._readers.pop(fd)
        if fd in self._held:
            self._held.remove(fd)
        else:
            self._poller.remove(fd)
        if self._writers.get(label) == fd:
            del self._writers[label]
            trio.lowlevel.notify_closing(fd)
        os.close(fd)

    def close(self) -> None:
        """Close every descriptor, without calling `on_eof`."""
        for fd in list(self._readers):
            self._close_reader(fd)
        for label in list(self._writers):
            self.close_input(label)


def _shut_writing(fd: int) -> None:
    # Not from a copy of the descriptor: there may be none left (EMFILE).
    stream = socket.socket(fileno=fd)
    try:
        stream.shutdown(socket.SHUT_WR)
    finally:
        stream.detach()
