"""Stop what a foreground program has started when the program dies, even by SIGKILL.

A watcher process, forked before anything else starts, waits for EOF on a pipe whose write end only
the program holds. Then it scans all processes: for the mark in their environment, because no other
record of what was started is left, and for the sessions that the program reported, because a child
can clear its environment.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Set
from contextlib import suppress
from functools import partial
from typing import TypeVar

from gaffer_kernel.linux.orphans import DETACHED
from gaffer_kernel.linux.procfs import ProcessIdentity, identify
from gaffer_kernel.linux.shortage import RETRY_INTERVAL, is_shortage

SCAN_INTERVAL = 0.05
"""Seconds between two scans of all processes."""
KILL_TIMEOUT = 5.0
"""Seconds for which SIGKILL is sent again and again."""
_Result = TypeVar("_Result")
_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class ParentDeathWatcher:
    """The watcher process, as seen by the program.

    Args:
        pidfd: of the watcher process; owned by this.
        lifeline: the write end of the pipe on which it waits for EOF; owned by this.
    """

    def __init__(self, pidfd: int, lifeline: int) -> None:
        self._pidfd = pidfd
        self._lifeline = lifeline

    def watch(self, os_pid: int) -> None:
        """Also stop the session that this process leads. Never blocks."""
        self._send(b"+%d\n" % os_pid)

    def forget(self, os_pid: int) -> None:
        """Leave a session alone: its process has exited, and its number may be reused."""
        self._send(b"-%d\n" % os_pid)

    def _send(self, line: bytes) -> None:
        # EPIPE, EAGAIN: if the watcher was killed or stopped, the program runs on without it.
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._lifeline, line)

    def dismiss(self) -> None:
        """End the watcher process: everything was stopped as it should be."""
        # By pidfd: if the watcher was killed, it was reaped as an orphan, and its number may have
        # been reused.
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        os.close(self._pidfd)
        os.close(self._lifeline)


def watch_parent_death(instance: str, stop_timeout: float) -> ParentDeathWatcher:
    """Fork the watcher process. Call this while there is a single thread.

    Args:
        instance: the beginning of the marks: that of the LinuxSystem which starts the processes.
        stop_timeout: seconds between SIGTERM and SIGKILL.
    """
    end, lifeline = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _run_watcher(end, f"{instance}:", stop_timeout)
        finally:
            os._exit(0)
    os.close(end)
    os.set_blocking(lifeline, False)
    return ParentDeathWatcher(os.pidfd_open(pid), lifeline)


def _run_watcher(end: int, prefix: str, stop_timeout: float) -> None:
    # In a session of its own, away from the terminal: no Ctrl-C and no hang-up reaches it. It also
    # closes every output that it inherited, so that readers of them see EOF.
    os.setsid()
    for signum in _IGNORED:
        signal.signal(signum, signal.SIG_IGN)
    os.closerange(0, end)
    os.closerange(end + 1, os.sysconf("SC_OPEN_MAX"))
    stop_marked(prefix, stop_timeout, _read_sessions(end))


def _read_sessions(end: int) -> set[int]:
    """Read reports until EOF; return the sessions that the program had when it died."""
    sessions: set[int] = set()
    rest = b""
    while data := os.read(end, 4096):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            (sessions.add if line.startswith(b"+") else sessions.discard)(int(line[1:]))
    return sessions


def stop_marked(prefix: str, stop_timeout: float, sessions: Set[int] = frozenset()) -> None:
    """Send SIGTERM to all processes with a mark, and SIGKILL to those that stay.

    Args:
        prefix: the beginning of the marks.
        stop_timeout: seconds between the two signals.
        sessions: also stop the processes of these sessions, whatever their marks.
    """
    signalled: set[int] = set()
    kill_at = time.monotonic() + stop_timeout
    while (found := _find(prefix, sessions)) and time.monotonic() < kill_at + KILL_TIMEOUT:
        if time.monotonic() >= kill_at:
            _signal(signal.SIGKILL, found)
        else:
            _signal(signal.SIGTERM, found - signalled)
            # A process in SIGSTOP could not handle SIGTERM.
            _signal(signal.SIGCONT, found - signalled)
            signalled |= found
        time.sleep(SCAN_INTERVAL)


def _find(prefix: str, sessions: Set[int]) -> set[int]:
    found = set()
    for name in _list_processes():
        identity = _retry(partial(identify, int(name)))
        if identity and not identity.is_zombie and _is_ours(identity, prefix, sessions):
            found.add(int(name))
    return found


def _list_processes() -> list[str]:
    return [name for name in _retry(lambda: os.listdir("/proc")) if name.isdigit()]


def _retry(function: Callable[[], _Result]) -> _Result:
    """Call a function until no shortage of memory or files keeps it from its result."""
    while True:
        try:
            return function()
        except OSError as error:
            if not is_shortage(error):
                raise
            time.sleep(RETRY_INTERVAL)


def _is_ours(identity: ProcessIdentity, prefix: str, sessions: Set[int]) -> bool:
    if identity.session in sessions:
        return True
    mark = identity.find_mark(prefix)
    return mark is not None and not mark.endswith(DETACHED)


def _signal(signum: int, pids: Set[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):
            # ESRCH: gone. EPERM: it runs as another user by now.
            continue
