"""The reaction of a program in the foreground to signals."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

import trio
from gaffer_kernel import Manager

from gaffer_cli.exit_codes import INTERRUPTED
from gaffer_cli.foreground.exit_policy import ExitPolicy

SAME_PRESS = 0.05
"""Seconds within which a second signal counts as the first: the terminal sends Ctrl-C both to this
program and to a wrapper around it, which may forward it."""
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
_IF_NOT_IGNORED = (signal.SIGHUP, signal.SIGTSTP)
"""`nohup` ignores SIGHUP; without job control SIGTSTP is ignored, as nothing could continue us."""


class SignalReceiver:
    """Receives signals from creation until `ignore_all`; keeps those that precede `attach`."""

    def __init__(self) -> None:
        self._token: trio.lowlevel.TrioToken | None = None
        self._handle: Callable[[signal.Signals], None] | None = None
        self._early: list[signal.Signals] = []
        not_ignored = [each for each in _IF_NOT_IGNORED if signal.getsignal(each) != signal.SIG_IGN]
        self._received = (*_STOP_SIGNALS, *not_ignored)
        for signum in self._received:
            signal.signal(signum, self._receive)

    def attach(self, handle: Callable[[signal.Signals], None]) -> None:
        """Call a function for each signal from now on. Must be called inside trio."""
        self._token = trio.lowlevel.current_trio_token()
        self._handle = handle
        for signum in self._early:
            self._token.run_sync_soon(handle, signum)

    def ignore_all(self) -> None:
        """Ignore the signals while the program exits."""
        for signum in self._received:
            signal.signal(signum, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        signum = signal.Signals(number)
        if self._token is None or self._handle is None:
            self._early.append(signum)
            return
        try:
            self._token.run_sync_soon(self._handle, signum)
        except trio.RunFinishedError:
            # All processes have exited.
            pass


class SignalHandler:
    """Stops the kernel on SIGINT, SIGTERM, SIGQUIT and SIGHUP; a second one, except SIGHUP, kills.

    On SIGTSTP it stops the processes and this program until SIGCONT.

    Args:
        policy: stops the kernel.
        manager: has the jobs that SIGTSTP stops.
        print_line: prints a line for people.
    """

    def __init__(
        self, policy: ExitPolicy, manager: Manager, print_line: Callable[[str], None]
    ) -> None:
        self._policy = policy
        self._manager = manager
        self._print_line = print_line
        self._stopped_at: float | None = None

    def handle(self, signum: signal.Signals) -> None:
        """Handle a signal."""
        now = trio.current_time()
        if signum == signal.SIGTSTP:
            self._suspend()
        elif self._stopped_at is None:
            self._stopped_at = now
            self._print_line(f"{signum.name}: stopping; once more kills")
            self._policy.stop_kernel(0)
        elif signum in _STOP_SIGNALS and now - self._stopped_at > SAME_PRESS and self._has_pids():
            self._print_line(f"{signum.name} again: killing")
            self._policy.stop_kernel(INTERRUPTED, kill=True)

    def _has_pids(self) -> bool:
        return bool(self._manager.pids())

    def _suspend(self) -> None:
        """Stop the processes, then this program as Ctrl-Z does; continue both after SIGCONT."""
        receive = signal.getsignal(signal.SIGTSTP)
        self._send("STOP")
        # By the default handler, which does nothing in an orphaned process group, where no shell
        # could continue us.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, receive)
        self._send("CONT")

    def _send(self, name: str) -> None:
        for job in self._manager.jobs():
            job.killall(name)
