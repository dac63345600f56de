"""One process on Linux: its pipes are read, its signals sent, its end seen by pidfd."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
from collections.abc import Callable
from functools import partial

import trio

from gaffer_kernel.linux.orphans import Adopted, Member
from gaffer_kernel.linux.poller import FLOOD, Poller
from gaffer_kernel.linux.procfs import ticks
from gaffer_kernel.linux.spawn import Started
from gaffer_kernel.system import ChildListener, ExitStatus

SHORT = 2048
"""A read of less is not tried again: there is no more, most probably. A pseudo-terminal never hands
over more than 4095 bytes at once."""
WIDE_PIPE = 1024 * 1024
DRAINS = 8
END_OF_OUTPUT = 0.5
"""Seconds a pipe may stay open after its process is gone: somebody else holds it."""

log = logging.getLogger(__name__)

_STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "disk-sleep",
    "T": "stopped",
    "t": "tracing-stop",
    "Z": "zombie",
    "X": "dead",
    "I": "idle",
}


class LinuxChild:
    """A child of this process, from its spawn until it is reaped.

    The pid is only ever used before `wait4`: until then the zombie keeps pid and group from being
    given to a stranger.
    """

    def __init__(
        self,
        started: Started,
        listener: ChildListener,
        poller: Poller,
        adopted: Adopted,
        mark: str,
        *,
        title: str,
        detach: bool,
        on_gone: Callable[[LinuxChild], None],
    ) -> None:
        self.os_pid = started.os_pid
        self.mark = mark
        self._pidfd = started.pidfd
        self._readers = started.readers
        self._wide: set[int] = set()
        self._writers = dict(started.streams)
        if started.stdin is not None:
            self._writers["stdin"] = started.stdin
        self._locks = {label: trio.Lock() for label in self._writers}
        self._listener = listener
        self._poller = poller
        self._adopted = adopted
        self._title = title
        self._detach = detach
        self._on_gone = on_gone
        self._ending = 0
        self._ending_since = 0
        self._told: set[Member] = set()
        self._dead = False
        self._gone = False
        self._patient = True
        self._looking = False
        self._awaited = False
        self._held: set[int] = set()
        for fd in self._readers:
            poller.add(fd, partial(self._read, fd))
        poller.add(self._pidfd, self._died)

    # Signals

    def signal(self, signum: int) -> None:
        """Send a signal to the whole group."""
        if not self._gone:
            self._to_group(signum)

    def stop(self, signum: int) -> None:
        """Send an ending signal to the group and to what has left it."""
        if self._gone:
            return
        self._ending = signum
        self._ending_since = ticks()
        self._read_on()
        self._told.clear()
        self._to_group(signum)
        # One that was stopped could not obey before its timeout is over.
        self._to_group(signal.SIGCONT)
        self._look()

    def _to_group(self, signum: int) -> None:
        try:
            os.killpg(self.os_pid, signum)
        except ProcessLookupError:
            # Between vfork and setsid there is no group yet; the process itself is there.
            os.kill(self.os_pid, signum)
        except PermissionError:
            # Every member has become another user's: nothing we may do.
            pass

    def status(self) -> str:
        """The state letter of /proc, in psutil's words."""
        try:
            with open(f"/proc/{self.os_pid}/stat", "rb") as file:
                letter = chr(file.read().rpartition(b")")[2].split()[0][0])
        except OSError:
            return "dead"
        return _STATES.get(letter, letter)

    # Input

    async def write(self, label: str, data: bytes) -> None:
        """Write all of data to stdin or a two-way stream."""
        async with self._locks[label]:
            view = memoryview(data)
            while view:
                fd = self._writers.get(label)
                if fd is None:
                    raise BrokenPipeError(f"{label} is closed")
                try:
                    view = view[os.write(fd, view) :]
                except BlockingIOError:
                    await self._writable(label, fd)
            await trio.lowlevel.checkpoint()

    async def _writable(self, label: str, fd: int) -> None:
        try:
            await trio.lowlevel.wait_writable(fd)
        except trio.ClosedResourceError:
            raise BrokenPipeError(f"{label} is closed") from None

    def close_input(self, label: str) -> None:
        """Close the parent's end; a stream that is also read is shut for writing only."""
        fd = self._writers.pop(label, None)
        if fd is None:
            return
        trio.lowlevel.notify_closing(fd)
        if fd in self._readers:
            _shut_writing(fd)
        else:
            os.close(fd)

    # Output

    def hold_output(self, held: bool) -> None:
        """Leave the outputs unread, or read on; once it is told to end they are always read."""
        self._awaited = True
        if not held or self._ending or self._gone:
            self._read_on()
            return
        outputs = self._readers.keys() - self._writers.values() - self._held
        for fd in outputs:
            # Watching it for nothing would not do: its end would be told again and again.
            self._poller.remove(fd)
        self._held |= outputs

    def _read_on(self) -> None:
        for fd in self._held:
            self._poller.add(fd, partial(self._read, fd))
        if self._held and self._dead:
            self._wait_for_output()
        self._held.clear()

    def _read(self, fd: int) -> int:
        """Read what there is, up to one turn's share; returns how many bytes."""
        size = 0
        buffer = self._poller.buffer
        while size < len(buffer):
            try:
                got = os.readv(fd, [buffer])
            except BlockingIOError:
                break
            except OSError:
                # A pseudo-terminal at its end, or a two-way stream whose other end was closed with
                # unread data.
                got = 0
            if not got:
                self._close_reader(fd)
                break
            size += got
            self._listener.output(self._readers[fd], buffer[:got])
            if got < SHORT:
                break
        if size >= FLOOD and fd not in self._wide and not self._awaited:
            self._widen(fd)
        return size

    def _widen(self, fd: int) -> None:
        # A flood through a pipe of 64 KiB costs a switch of processes for each 64 KiB. Only on
        # demand: what an ordinary user's pipes may hold together is limited.
        self._wide.add(fd)
        try:
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, WIDE_PIPE)
        except OSError:
            # Over the user's limit, or a socket: it works as well, only slower.
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
        if self._dead:
            self._finish_if_complete()

    # The end

    def _died(self) -> int:
        """The leader has exited; it stays a zombie until everything else is settled."""
        self._dead = True
        self._poller.remove(self._pidfd)
        if not self._detach and not (self._ending and self._adopted.enabled):
            # What it left behind may end as it was told to; nobody told it to.
            self._ending = signal.SIGKILL
            self._to_group(signal.SIGKILL)
        # Before the pipes are drained: with the end of the last one it would be complete.
        self._look()
        for fd in self._readers.keys() - self._held:
            self._drain(fd)
        if not self._gone:
            self._wait_for_output()
        return 0

    def _wait_for_output(self) -> None:
        self._poller.call_at(trio.current_time() + END_OF_OUTPUT, self._lose_patience)

    def _drain(self, fd: int) -> None:
        # Bounded: what is left behind may go on writing for as long as it may live.
        for _ in range(DRAINS):
            if fd not in self._readers or not self._read(fd):
                return

    def _look(self) -> None:
        """Find out what it left behind: only a look after its death tells."""
        self._looking = True
        self._adopted.when_looked(self._looked)

    def _looked(self) -> None:
        self._looking = False
        if not self._gone:
            self._tell(self._left())
            self._finish_if_complete()

    def _left(self) -> list[Member]:
        return [] if self._detach else self._adopted.left_by(self.os_pid, self.mark)

    def _lose_patience(self) -> None:
        """Somebody outside the group holds the pipes: do not wait for their end."""
        if not self._held:
            self._patient = False
            self._finish_if_complete()

    def _finish_if_complete(self) -> None:
        waits_for_output = self._readers and self._patient
        if self._dead and not (self._gone or self._looking or waits_for_output or self._left()):
            self._finish()

    def _tell(self, members: list[Member]) -> None:
        """Send on the ending signal to those it has not reached, and wait for their end."""
        for member in members:
            if member in self._told:
                continue
            self._told.add(member)
            # Whatever it leaves behind in its turn is then ours.
            member.when_gone(self._look)
            if member.group != self.os_pid:
                log.warning("%s left os pid %d behind: ending it", self._title, member.os_pid)
                member.signal(self._ending)
            elif self._ending == signal.SIGKILL or member.born >= self._ending_since:
                # The others in the group got the signal with it; twice may mean more. Who was born
                # since has not: a fork does not hand on a signal that waits because it is blocked.
                # Within a tick nobody can tell; twice is then better than never.
                member.signal(self._ending)

    def _finish(self) -> None:
        self._gone = True
        for fd in list(self._readers):
            self._close_reader(fd)
        for label in list(self._writers):
            self.close_input(label)
        _, status, usage = os.wait4(self.os_pid, 0)
        os.close(self._pidfd)
        self._on_gone(self)
        code = os.waitstatus_to_exitcode(status)
        self._listener.exited(
            ExitStatus(max(code, 0), max(-code, 0), usage.ru_utime + usage.ru_stime)
        )

    def abandon(self) -> None:
        """Give back every descriptor: it runs on, and nobody watches it any more."""
        self._gone = True
        for fd in list(self._readers):
            self._close_reader(fd)
        for label in list(self._writers):
            self.close_input(label)
        if not self._dead:
            self._poller.remove(self._pidfd)
        os.close(self._pidfd)


def _shut_writing(fd: int) -> None:
    with socket.socket(fileno=os.dup(fd)) as copy:
        copy.shutdown(socket.SHUT_WR)
