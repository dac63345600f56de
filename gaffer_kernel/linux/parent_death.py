"""For a program in the foreground: what it has started ends with it, even if it is killed.

A process of its own, forked before anything is started, waits for the end of a pipe that only the
program holds. It then looks at all processes: for the mark in their environment, as nobody else
knows any more what was started, and for the sessions that it was told of, as a program can clear
its environment.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Set
from contextlib import suppress

from gaffer_kernel.linux.orphans import DETACHED
from gaffer_kernel.linux.procfs import Identity, identify

PAUSE = 0.05
"""Seconds between two looks at all processes."""
LAST_TRY = 5.0
"""Seconds for which KILL is sent again and again."""
_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class ParentDeathWatcher:
    """The process that waits.

    Args:
        pidfd: refers to it; owned by this.
        lifeline: the descriptor whose end it waits for.
    """

    def __init__(self, pidfd: int, lifeline: int) -> None:
        self._pidfd = pidfd
        self._lifeline = lifeline

    def watch(self, os_pid: int) -> None:
        """The session that this process leads is to be ended, too. Never blocks."""
        self._tell(b"+%d\n" % os_pid)

    def forget(self, os_pid: int) -> None:
        """It has ended: its number may become a stranger's. Never blocks."""
        self._tell(b"-%d\n" % os_pid)

    def _tell(self, line: bytes) -> None:
        # If the guardian was killed or stopped, the program runs on without.
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._lifeline, line)

    def dismiss(self) -> None:
        """Everything has ended as it should: it is needed no more."""
        # By the pidfd: if somebody has killed it, it was reaped as an orphan, and its number can be
        # a stranger's by now.
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        os.close(self._pidfd)
        os.close(self._lifeline)


def watch_parent_death(instance: str, patience: float) -> ParentDeathWatcher:
    """From now on, end what this program has started if it is gone without `dismiss`.

    To be called while there is a single thread.

    Args:
        instance: how the marks begin: that of the LinuxSystem which starts the processes.
        patience: seconds between TERM and KILL.
    """
    end, lifeline = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _stand_guard(end, f"{instance}:", patience)
        finally:
            os._exit(0)
    os.close(end)
    os.set_blocking(lifeline, False)
    return ParentDeathWatcher(os.pidfd_open(pid), lifeline)


def _stand_guard(end: int, prefix: str, patience: float) -> None:
    # Away from the terminal: no Ctrl-C and no hang-up is meant for it, and it holds no output open.
    os.setsid()
    for signum in _IGNORED:
        signal.signal(signum, signal.SIG_IGN)
    os.closerange(0, end)
    os.closerange(end + 1, os.sysconf("SC_OPEN_MAX"))
    end_all(prefix, patience, _told_until_the_end(end))


def _told_until_the_end(end: int) -> set[int]:
    """Wait for the end of the program: the sessions that it then had."""
    sessions: set[int] = set()
    rest = b""
    while data := os.read(end, 4096):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            (sessions.add if line.startswith(b"+") else sessions.discard)(int(line[1:]))
    return sessions


def end_all(prefix: str, patience: float, sessions: Set[int] = frozenset()) -> None:
    """Send TERM to all processes whose marks begin like this, and KILL to those that stay.

    Args:
        prefix: of the marks.
        patience: seconds between the two.
        sessions: whose processes are also meant, whatever their marks.
    """
    told: set[int] = set()
    kill_at = time.monotonic() + patience
    while (found := _found(prefix, sessions)) and time.monotonic() < kill_at + LAST_TRY:
        if time.monotonic() >= kill_at:
            _send(signal.SIGKILL, found)
        else:
            _send(signal.SIGTERM, found - told)
            # One that is stopped could not obey.
            _send(signal.SIGCONT, found - told)
            told |= found
        time.sleep(PAUSE)


def _found(prefix: str, sessions: Set[int]) -> set[int]:
    found = set()
    for name in os.listdir("/proc"):
        who = identify(int(name)) if name.isdigit() else None
        if who is not None and not who.zombie and _is_meant(who, prefix, sessions):
            found.add(int(name))
    return found


def _is_meant(who: Identity, prefix: str, sessions: Set[int]) -> bool:
    if who.session in sessions:
        return True
    mark = who.mark or ""
    return mark.startswith(prefix) and not mark.endswith(DETACHED)


def _send(signum: int, pids: Set[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):
            # Gone, or another user's by now.
            continue
