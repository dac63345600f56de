"""What signals do to a program in the foreground."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

import trio
from gaffer_kernel import Manager

from gaffer_cli.exit_codes import INTERRUPTED
from gaffer_cli.foreground.exit_policy import Ending

SAME_PRESS = 0.05
"""Seconds within which a second signal is the first one, handed on by a wrapper around us: the
terminal sends Ctrl-C to both."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
_IF_NOT_IGNORED = (signal.SIGHUP, signal.SIGTSTP)
"""`nohup` has HUP ignored, and where nobody could have us go on there is no Ctrl-Z."""


class Signals:
    """Receives signals from its making until `silence`; those that come early wait for `attach`."""

    def __init__(self) -> None:
        self._token: trio.lowlevel.TrioToken | None = None
        self._obey: Callable[[signal.Signals], None] | None = None
        self._early: list[signal.Signals] = []
        heeded = [each for each in _IF_NOT_IGNORED if signal.getsignal(each) != signal.SIG_IGN]
        self._received = (*_ENDING, *heeded)
        for signum in self._received:
            signal.signal(signum, self._receive)

    def attach(self, obey: Callable[[signal.Signals], None]) -> None:
        """From now on call a function for each. Call it inside trio."""
        self._token = trio.lowlevel.current_trio_token()
        self._obey = obey
        for signum in self._early:
            self._token.run_sync_soon(obey, signum)

    def silence(self) -> None:
        """Let none of them disturb the last steps of the program: all has ended."""
        for signum in self._received:
            signal.signal(signum, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        signum = signal.Signals(number)
        if self._token is None or self._obey is None:
            self._early.append(signum)
            return
        try:
            self._token.run_sync_soon(self._obey, signum)
        except trio.RunFinishedError:
            # All has ended.
            pass


class Obedience:
    """Ends all for INT, TERM, QUIT and HUP; the second but HUP kills. Ctrl-Z stops all for a while.

    Args:
        ending: ends it.
        manager: has those that Ctrl-Z stops.
        say: tells people, in a line.
    """

    def __init__(self, ending: Ending, manager: Manager, say: Callable[[str], None]) -> None:
        self._ending = ending
        self._manager = manager
        self._say = say
        self._asked_at: float | None = None

    def obey(self, signum: signal.Signals) -> None:
        """Do what a signal asks for."""
        now = trio.current_time()
        if signum == signal.SIGTSTP:
            self._pause()
        elif self._asked_at is None:
            self._asked_at = now
            self._say(f"{signum.name}: stopping; once more kills")
            self._ending.end(0)
        elif signum in _ENDING and now - self._asked_at > SAME_PRESS and self._manager.pids():
            self._say(f"{signum.name} again: killing")
            self._ending.end(INTERRUPTED, kill=True)

    def _pause(self) -> None:
        """Stop all, then ourselves as Ctrl-Z does; go on when the shell has us go on."""
        receive = signal.getsignal(signal.SIGTSTP)
        self._send("STOP")
        # By the usual handler: it does not stop us where nobody could have us go on.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, receive)
        self._send("CONT")

    def _send(self, name: str) -> None:
        for job in self._manager.jobs():
            job.killall(name)
