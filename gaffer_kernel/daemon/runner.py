"""A command around one kernel: the only place where an error becomes an exit status."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trio

from gaffer_kernel.config import Config
from gaffer_kernel.daemon.daemon_kernel import live
from gaffer_kernel.daemon.daemonize import Launcher, daemonize
from gaffer_kernel.daemon.signals import Signals, restore_defaults
from gaffer_kernel.errors import GafferError, describe_exception
from gaffer_kernel.plugins import Plugins

log = logging.getLogger(__name__)

YOUNG = 10_000
"""Objects made until the garbage collector looks at the newest. A few requests make Python's own
700: with that it takes a tenth of the processor, and a third in a lookupd that 1000 nodes come to.
"""


class Prepared(NamedTuple):
    """What a kernel is made of, and its pid file if one is wanted."""

    config: Config
    plugins: Plugins
    pidfile: Path | None = None


class Program:
    """A command that runs a kernel: in the foreground or as a daemon, with a pid file, until QUIT,
    TERM or INT. HUP does nothing, unless a plugin receives it.

    Args:
        name: of the command.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def main(self, command: Callable[[], int]) -> int:
        """Do what the command line asks for, before anything else in this process.

        Args:
            command: does it, and returns the exit status.

        Returns:
            That status; 1 after a GafferError, which has been told in one line.
        """
        _fill_stdio()
        gc.set_threshold(YOUNG)
        restore_defaults()
        try:
            return command()
        except GafferError as error:
            return self.say(error)

    def run(
        self, prepare: Callable[[], Prepared], *, daemon: bool = False, in_log: bool = False
    ) -> int:
        """Run a kernel to its end.

        Args:
            prepare: makes what it is made of; nothing has been started yet.
            daemon: go on in the background, and return here once all is up.
            in_log: whether what ends it is to be found in the log, too.

        Returns:
            The exit status.

        Raises:
            GafferError: it could not be prepared, or the daemon did not start.
        """
        if not daemon:
            # Before the rest: a signal meanwhile just ends the program.
            signals = Signals()
            return self._supervise(prepare(), signals, in_log)
        prepared = prepare()
        launcher = daemonize()
        return 0 if launcher is None else self._supervise(prepared, Signals(), in_log, launcher)

    def _supervise(
        self,
        prepared: Prepared,
        signals: Signals,
        in_log: bool,
        launcher: Launcher | None = None,
    ) -> int:
        _set_title(self._name)

        def report(error: Exception) -> int:
            status = self.say(error, in_log=in_log)
            if launcher is not None:
                launcher.failed(describe_exception(error))
            return status

        run = partial(
            live,
            prepared.config,
            prepared.plugins,
            pidfile=prepared.pidfile,
            signals=signals,
            ready=launcher.ready if launcher else _nobody_waits,
            report=report,
        )
        status = trio.run(run)
        signals.silence()
        return status

    def say(self, error: Exception, *, in_log: bool = False) -> int:
        """Tell people what went wrong, in one line, and if it is a bug, where.

        Args:
            error: what went wrong.
            in_log: tell it in the log, too.

        Returns:
            The exit status.
        """
        if isinstance(error, ExceptionGroup):
            unexpected = error.split(GafferError)[1] is not None
        else:
            unexpected = not isinstance(error, GafferError)
        if in_log or unexpected:
            log.critical("%s", describe_exception(error), exc_info=error if unexpected else None)
        if not unexpected:
            print(f"{self._name}: {describe_exception(error)}", file=sys.stderr)
        return 1


def _nobody_waits() -> bool:
    return True


def _fill_stdio() -> None:
    """See that 0, 1 and 2 are open: else the next file opened gets what is meant for stderr."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _set_title(name: str) -> None:
    try:
        from setproctitle import setproctitle  # type: ignore[import-not-found]
    except ImportError:
        # A nicety for `ps`, if it happens to be installed.
        return
    setproctitle(name)
