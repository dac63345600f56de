"""What signals do to a program in the foreground."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import trio
from gaffer_kernel import Manager

from gaffer_cli.exits import INTERRUPTED
from gaffer_cli.foreground.ending import Ending

SAME_PRESS = 0.05
"""Seconds within which a second signal is the first one, handed on by a wrapper around us: the
terminal sends Ctrl-C to both."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
_ALL = (*_ENDING, signal.SIGHUP, signal.SIGTSTP)


@contextmanager
def received() -> Iterator[AsyncIterator[int]]:
    """Receive the signals that mean something here.

    HUP not if it is ignored: that is what `nohup` is for. Ctrl-Z not where there is none.
    """
    kept = (signal.SIGHUP, signal.SIGTSTP)
    wanted = [
        each for each in _ALL if each not in kept or signal.getsignal(each) is not signal.SIG_IGN
    ]
    with trio.open_signal_receiver(*wanted) as signals:
        yield signals


class Signals:
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

    async def heed(self, signals: AsyncIterator[int]) -> None:
        """Obey until cancelled."""
        async for signum in signals:
            if signum == signal.SIGTSTP:
                self._pause()
            else:
                self._end(signal.Signals(signum))

    def _end(self, signum: signal.Signals) -> None:
        now = trio.current_time()
        if self._asked_at is None:
            self._asked_at = now
            self._say(f"{signum.name}: stopping; once more kills")
            self._ending.end(0)
        elif signum in _ENDING and now - self._asked_at > SAME_PRESS:
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
