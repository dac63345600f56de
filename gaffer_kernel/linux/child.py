"""One process on Linux, from its spawn to its reaping: a table of states and events."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import IntEnum, auto
from typing import ClassVar

import trio

from gaffer_kernel.linux.orphans import Orphan, OrphanReaper
from gaffer_kernel.linux.pipes import Pipes
from gaffer_kernel.linux.poller import Poller
from gaffer_kernel.linux.procfs import current_ticks
from gaffer_kernel.linux.spawn import Started
from gaffer_kernel.system import ChildListener, ExitStatus

OUTPUT_TIMEOUT = 0.5
"""Seconds to wait for EOF after the exit: another process may hold the pipe open."""
MIN_CGROUP_INTERVAL = 0.002
"""Seconds until the first look whether what was killed in a control group is gone; then doubled."""
MAX_CGROUP_INTERVAL = 0.5
UNKNOWN_EXIT_CODE = 255
"""The exit code of a child that other code has reaped."""

log = logging.getLogger(__name__)

_STATUS = {
    "R": "running",
    "S": "sleeping",
    "D": "disk-sleep",
    "T": "stopped",
    "t": "tracing-stop",
    "Z": "zombie",
    "X": "dead",
    "I": "idle",
}


class ChildState(IntEnum):
    """The state of a child. A child that has exited stays a zombie until it is reaped."""

    RUNNING = 0
    """It runs, and nobody has asked it to stop."""
    STOPPING = 1
    """It runs, and a stop signal was sent to all it started."""
    DRAINING = 2
    """It has exited; its outputs have not reached EOF."""
    CLEARING = 3
    """It has exited, its output is complete; orphans of it are looked for, or still run."""
    GONE = 4
    """It was reaped, or is no longer watched."""


class ChildEvent(IntEnum):
    """An event in the life of a child."""

    SIGNAL = auto()
    """A signal for its group is requested."""
    STOP = auto()
    """A signal that ends it and all it started is requested."""
    STOP_LEADER = auto()
    """A signal that ends it alone is requested."""
    HOLD = auto()
    """A reader needs its outputs to be held."""
    READ_ON = auto()
    """The reader needs that no longer."""
    EXIT = auto()
    """The pidfd says that it has exited."""
    EOF = auto()
    """One of its outputs has ended."""
    OUTPUT_TIMEOUT = auto()
    """OUTPUT_TIMEOUT has passed since its exit, or since the end of a hold after it."""
    SCANNED = auto()
    """The scan for orphans that it had requested is done."""
    ORPHAN_REAPED = auto()
    """One of its orphans is gone."""
    CGROUP_TIMEOUT = auto()
    """The processes left in its control group have had time to die."""
    ABANDON = auto()
    """The kernel ends, and lets it run on."""


_E = ChildEvent


class LinuxChild:
    """A child of this process.

    The table `_ACTIONS` at its end says what it does on each event in each state. The pid is
    only used before `wait4`: until then the zombie keeps pid and group from being reused.
    """

    def __init__(
        self,
        started: Started,
        listener: ChildListener,
        poller: Poller,
        orphans: OrphanReaper,
        mark: str,
        *,
        title: str,
        detach: bool,
        on_gone: Callable[[LinuxChild], None],
    ) -> None:
        self.os_pid = started.os_pid
        self.mark = mark
        self.state = ChildState.RUNNING
        self._pidfd = started.pidfd
        self._cgroup = started.cgroup
        self._cgroup_interval = MIN_CGROUP_INTERVAL
        self._listener = listener
        self._poller = poller
        self._orphans = orphans
        self._title = title
        self._detach = detach
        self._on_gone = on_gone
        self._stop_signal = 0  # the last one; what it leaves behind gets it too
        self._stop_ticks = 0  # when
        self._signalled: set[Orphan] = set()  # those that have got it
        self._is_scanning = False
        self._pipes = Pipes(started, poller, listener.output, self._on_eof)
        poller.add(self._pidfd, self._on_exit)

    # Requests

    def signal(self, signum: int) -> None:
        """Send a signal to the whole group."""
        self._on(ChildEvent.SIGNAL, signum)

    def stop(self, signum: int, *, leader_only: bool = False) -> None:
        """Send a stop signal to the group and to what has left it, or to the process alone."""
        self._on(ChildEvent.STOP_LEADER if leader_only else ChildEvent.STOP, signum)

    def hold_output(self, held: bool) -> None:
        """Stop reading the outputs, or read on; a stopping child is always read."""
        self._pipes.keep_narrow()
        self._on(ChildEvent.HOLD if held else ChildEvent.READ_ON)

    async def write(self, label: str, data: bytes) -> None:
        """Write all of the data to stdin or a two-way stream."""
        await self._pipes.write(label, data)

    def close_input(self, label: str) -> None:
        """Close the parent's end; half-close a stream that is also read."""
        self._pipes.close_input(label)

    def status(self) -> str:
        """Return the state in /proc/PID/stat, in psutil's words."""
        try:
            with open(f"/proc/{self.os_pid}/stat", "rb") as file:
                code = chr(file.read().rpartition(b")")[2].split()[0][0])
        except (FileNotFoundError, ProcessLookupError):
            return "dead"
        except OSError:
            # EMFILE, for example: the table knows this much.
            return "running" if self.state <= ChildState.STOPPING else "zombie"
        return _STATUS.get(code, code)

    def abandon(self) -> None:
        """Close every descriptor: the process runs on, and is no longer watched."""
        self._on(ChildEvent.ABANDON)

    # Events

    def _on(self, event: ChildEvent, signum: int = 0) -> None:
        self._ACTIONS[event][self.state](self, signum)

    def _on_exit(self) -> int:
        self._on(ChildEvent.EXIT)
        return 0

    def _on_eof(self) -> None:
        self._on(ChildEvent.EOF)

    def _on_timeout(self) -> None:
        self._on(ChildEvent.OUTPUT_TIMEOUT)

    def _on_scanned(self) -> None:
        self._is_scanning = False
        self._on(ChildEvent.SCANNED)

    def _on_cgroup_timeout(self) -> None:
        self._on(ChildEvent.CGROUP_TIMEOUT)

    def _on_orphan_reaped(self) -> None:
        self._on(ChildEvent.ORPHAN_REAPED)

    # Actions

    def _ignore(self, _: int) -> None:
        pass

    def _send(self, signum: int) -> None:
        try:
            os.killpg(self.os_pid, signum)
        except ProcessLookupError:
            # Between vfork and setsid there is no group yet, but the process exists; unless this
            # program ignores SIGCHLD, and the system has reaped it.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signum)
        except PermissionError:
            # EPERM: every member runs as another user by now.
            pass

    def _begin_stop(self, signum: int) -> None:
        self.state = ChildState.STOPPING
        self._send_stop(signum)

    def _send_stop(self, signum: int) -> None:
        self._stop_signal = signum
        self._stop_ticks = current_ticks()
        self._read_on(0)
        self._signalled.clear()
        self._send(signum)
        if signum == signal.SIGKILL:
            self._kill_cgroup()
        # A process in SIGSTOP could not handle the signal before its timeout is over.
        self._send(signal.SIGCONT)
        self._scan(0)

    def _stop_leader(self, signum: int) -> None:
        self.state = ChildState.STOPPING
        self._read_on(0)
        for each in (signum, signal.SIGCONT):
            # EPERM: it runs as another user by now.
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(self._pidfd, each)

    def _hold(self, _: int) -> None:
        self._pipes.hold()

    def _read_on(self, _: int) -> None:
        was_held = self._pipes.is_held
        self._pipes.read_on()
        if was_held and self.state is ChildState.DRAINING:
            self._start_timeout()

    def _exit(self, _: int) -> None:
        """Signal what the child left behind, and read the rest of its output."""
        self.state = ChildState.DRAINING if self._pipes.is_open else ChildState.CLEARING
        self._poller.remove(self._pidfd)
        if not self._detach and not (self._stop_signal and self._orphans.enabled):
            # What it left behind may handle the stop signal, if there was one.
            self._stop_signal = signal.SIGKILL
            self._send(signal.SIGKILL)
            self._kill_cgroup()
        # Requested before the pipes are drained: the last EOF could complete the child.
        self._scan(0)
        self._pipes.drain()
        if self.state is ChildState.DRAINING:
            self._start_timeout()

    def _start_timeout(self) -> None:
        self._poller.call_at(trio.current_time() + OUTPUT_TIMEOUT, self._on_timeout)

    def _end_of_output(self, _: int) -> None:
        """Go on once the last output has ended."""
        if not self._pipes.is_open:
            self.state = ChildState.CLEARING
            self._reap_if_clear(0)

    def _give_up_output(self, _: int) -> None:
        """Wait no longer for EOF: a process outside the group holds the pipes open."""
        if not self._pipes.is_held:
            self.state = ChildState.CLEARING
            self._reap_if_clear(0)

    def _scan(self, _: int) -> None:
        """Scan for orphans: only a scan after the exit finds all that the child left behind."""
        self._is_scanning = True
        self._orphans.after_scan(self._on_scanned)

    def _stop_orphans(self, _: int) -> None:
        """Send the stop signal to the orphans that it has not reached, and wait for their exits."""
        if not self._stop_signal:  # only the leader was to stop, and has not yet
            return
        for orphan in self._left_behind():
            if orphan in self._signalled:
                continue
            self._signalled.add(orphan)
            # What the orphan leaves behind becomes our child in its turn.
            orphan.when_reaped(self._on_orphan_reaped)
            if orphan.group != self.os_pid:
                log.warning("%s: left os pid %d behind: stopping it", self._title, orphan.os_pid)
                orphan.signal(self._stop_signal)
            elif self._stop_signal == signal.SIGKILL or orphan.start_ticks >= self._stop_ticks:
                # The other members of the group got the signal with it; a second one may mean more
                # to them. Those born since have not got it: fork(2) does not hand down pending
                # signals. Within one tick the order is unknown; then two signals are better than
                # none.
                orphan.signal(self._stop_signal)

    def _clear(self, _: int) -> None:
        self._stop_orphans(0)
        self._reap_if_clear(0)

    def _left_behind(self) -> list[Orphan]:
        return [] if self._detach else self._orphans.left_by(self.os_pid, self.mark)

    def _reap_if_clear(self, _: int) -> None:
        if not self._is_scanning and not self._left_behind() and self._is_cgroup_empty():
            self._reap()

    def _kill_cgroup(self) -> None:
        if self._cgroup is not None and not self._detach:
            self._cgroup.kill()

    def _is_cgroup_empty(self) -> bool:
        """Return whether nothing is left in the control group; else kill it and look again soon.

        What is left has lost its mark and its parents, so that no scan has found it. It dies in
        milliseconds, except in the state D.
        """
        if self._cgroup is None or self._detach or not self._cgroup.is_populated():
            return True
        self._kill_cgroup()
        self._poller.call_at(trio.current_time() + self._cgroup_interval, self._on_cgroup_timeout)
        self._cgroup_interval = min(MAX_CGROUP_INTERVAL, 2 * self._cgroup_interval)
        return False

    def _reap(self) -> None:
        self.state = ChildState.GONE
        self._pipes.close()
        status = self._wait()
        os.close(self._pidfd)
        if self._cgroup is not None:
            status = status._replace(oom_killed=self._cgroup.has_oom_kill())
            self._cgroup.remove()
        self._on_gone(self)
        self._listener.exited(status)

    def _wait(self) -> ExitStatus:
        try:
            _, status, usage = os.wait4(self.os_pid, 0)
        except ChildProcessError:
            log.warning(
                "%s: the exit status of os pid %d is lost: this program ignores SIGCHLD, or waits"
                " for all its children",
                self._title,
                self.os_pid,
            )
            return ExitStatus(UNKNOWN_EXIT_CODE, 0)
        code = os.waitstatus_to_exitcode(status)
        return ExitStatus(max(code, 0), max(-code, 0), usage.ru_utime + usage.ru_stime)

    def _abandon(self, _: int) -> None:
        self._poller.remove(self._pidfd)
        self._abandon_zombie(0)

    def _abandon_zombie(self, _: int) -> None:
        self.state = ChildState.GONE
        self._pipes.close()
        os.close(self._pidfd)

    # The table: one row for each event, one column for each state
    #
    # An EOF before the exit changes nothing. The pidfd is not watched after the exit, no output is
    # left after the last EOF, and scans are requested by a stop or an exit: the combinations left
    # over cannot happen, and are ignored.

    # fmt: off
    _ACTIONS: ClassVar[Mapping[_E, _Row]] = {
        #                 RUNNING      STOPPING       DRAINING         CLEARING         GONE
        _E.SIGNAL:        (_send,       _send,         _send,           _send,           _ignore),
        _E.STOP:          (_begin_stop, _send_stop,    _send_stop,      _send_stop,      _ignore),
        _E.STOP_LEADER:   (_stop_leader,_stop_leader,  _ignore,         _ignore,         _ignore),
        _E.HOLD:          (_hold,       _read_on,      _read_on,        _read_on,        _ignore),
        _E.READ_ON:       (_read_on,    _read_on,      _read_on,        _read_on,        _ignore),
        _E.EXIT:          (_exit,       _exit,         _ignore,         _ignore,         _ignore),
        _E.EOF:           (_ignore,     _ignore,       _end_of_output,  _reap_if_clear,  _ignore),
        _E.OUTPUT_TIMEOUT:(_ignore,     _ignore,       _give_up_output, _ignore,         _ignore),
        _E.SCANNED:       (_ignore,     _stop_orphans, _stop_orphans,   _clear,          _ignore),
        _E.ORPHAN_REAPED: (_scan,       _scan,         _scan,           _scan,           _scan),
        _E.CGROUP_TIMEOUT:(_ignore,     _ignore,       _ignore,         _reap_if_clear,  _ignore),
        _E.ABANDON:       (_abandon,    _abandon,      _abandon_zombie, _abandon_zombie, _ignore),
    }
    # fmt: on


_Action = Callable[[LinuxChild, int], None]
_Row = tuple[_Action, _Action, _Action, _Action, _Action]
