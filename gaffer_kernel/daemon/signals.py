"""The signals of gafferd, wherever no plugin receives them.

These handlers are there before the plugins open and after the last has closed, and all the time if
there is no plugin for signals. Such a plugin takes the signals over while it is open: it puts its
handlers in place of these, and these back when it closes.
"""

from __future__ import annotations

import logging
import os
import signal
from types import FrameType
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from gaffer_kernel.kernel import Kernel

log = logging.getLogger(__name__)

QUIT_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
ALL = (*QUIT_SIGNALS, signal.SIGHUP)


def restore_defaults() -> None:
    """Undo what we inherited: after `nohup`, every process we start would ignore HUP as well."""
    for signum in ALL:
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)


class Signals:
    """QUIT, TERM and INT stop the kernel, a second one kills what is left; HUP does nothing.

    Before there is a kernel nothing has been started, and the program just ends, with status 0.
    """

    def __init__(self) -> None:
        self._kernel: Kernel | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._asked = False
        for signum in QUIT_SIGNALS:
            signal.signal(signum, self._quit)
        # Not SIG_IGN: the processes we start would inherit it.
        signal.signal(signal.SIGHUP, _nothing)

    def attach(self, kernel: Kernel) -> None:
        """From now on it is this kernel that they stop. Call it inside trio."""
        self._token = trio.lowlevel.current_trio_token()
        self._kernel = kernel

    def silence(self) -> None:
        """Let none of them disturb the last steps of the program: all is stopped."""
        for signum in ALL:
            signal.signal(signum, signal.SIG_IGN)

    def _quit(self, signum: int, frame: FrameType | None) -> None:
        if self._kernel is None or self._token is None:
            os._exit(0)
        again, self._asked = self._asked, True
        try:
            self._token.run_sync_soon(_stop, self._kernel, signum, again)
        except trio.RunFinishedError:
            # It has stopped already.
            pass


def _stop(kernel: Kernel, signum: int, again: bool) -> None:
    name = signal.Signals(signum).name
    log.info("%s: %s", name, "killing what is left" if again else "stopping")
    kernel.stop(kill=again)


def _nothing(signum: int, frame: FrameType | None) -> None:
    pass
