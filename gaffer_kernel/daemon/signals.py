"""The signals of gafferd while no plugin receives them.

These handlers are installed before the plugins open, and stay if there is no plugin for signals.
Such a plugin replaces them while it is open, and restores them when it closes.
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
PYTHON_IGNORES = {signal.SIGPIPE, signal.SIGXFSZ}
"""Ignored by Python in every program, so that write(2) fails instead; Popen resets them."""


def restore_defaults() -> None:
    """Reset inherited dispositions and the signal mask.

    After `nohup`, every child would ignore SIGHUP as well; with SIGCHLD ignored, the system reaps
    the children before their exit status can be read.
    """
    for signum in signal.valid_signals() - PYTHON_IGNORES:
        if signum in ALL or signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


class Signals:
    """Signal handlers: SIGQUIT, SIGTERM and SIGINT stop the kernel, a second one kills.

    SIGHUP is ignored. Before a kernel is attached nothing has been started, and the program exits
    with status 0.
    """

    def __init__(self) -> None:
        self._kernel: Kernel | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._quit_received = False
        for signum in QUIT_SIGNALS:
            signal.signal(signum, self._quit)
        # Not SIG_IGN: execve(2) passes ignored signals on, so children would ignore SIGHUP.
        signal.signal(signal.SIGHUP, _ignore)

    def attach(self, kernel: Kernel) -> None:
        """Stop this kernel on signals from now on. Call it inside trio."""
        self._token = trio.lowlevel.current_trio_token()
        self._kernel = kernel

    def ignore_all(self) -> None:
        """Ignore all four signals: everything is stopped, only the exit of the program is left."""
        for signum in ALL:
            signal.signal(signum, signal.SIG_IGN)

    def _quit(self, signum: int, frame: FrameType | None) -> None:
        if self._kernel is None or self._token is None:
            os._exit(0)
        again, self._quit_received = self._quit_received, True
        try:
            self._token.run_sync_soon(_stop, self._kernel, signum, again)
        except trio.RunFinishedError:
            # The kernel has stopped already.
            pass


def _stop(kernel: Kernel, signum: int, again: bool) -> None:
    name = signal.Signals(signum).name
    log.info("%s: %s", name, "killing what is left" if again else "stopping")
    kernel.stop(kill=again)


def _ignore(signum: int, frame: FrameType | None) -> None:
    pass
