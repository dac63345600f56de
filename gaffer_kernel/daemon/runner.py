"""DaemonRunner: runs a command around one kernel, and turns errors into exit statuses."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trio

from gaffer_kernel.config import Config
from gaffer_kernel.daemon.daemon_kernel import OrphansMode, run_daemon
from gaffer_kernel.daemon.daemonize import Launcher, daemonize
from gaffer_kernel.daemon.log import write_stdout_to_log
from gaffer_kernel.daemon.log_handlers import print_error
from gaffer_kernel.daemon.signals import Signals, restore_defaults
from gaffer_kernel.daemon.startup import describe_daemon, describe_start, get_addresses
from gaffer_kernel.errors import GafferError, describe_exception
from gaffer_kernel.kernel import Kernel
from gaffer_kernel.plugins import Plugins

log = logging.getLogger(__name__)

GC_THRESHOLD = 10_000
"""Allocations between two runs of the garbage collector over the youngest generation.

A few requests reach Python's default of 700. With the default the collector takes a tenth of the
processor time, and a third in a lookupd to which 1000 nodes connect.
"""

BROKEN_PIPE = 141
"""The exit status if the reader of the output is gone, as in shells: 128 + SIGPIPE."""


class KernelSetup(NamedTuple):
    """The parts of a kernel to run.

    Attributes:
        config, plugins: the same as of the kernel.
        pidfile: the path of its pid file, if it has one.
        orphans: what to do with the processes of an earlier gafferd; see DaemonKernel.
    """

    config: Config
    plugins: Plugins
    pidfile: Path | None = None
    orphans: OrphansMode | None = None


class DaemonRunner:
    """Runs a kernel in the foreground or as a daemon, until SIGQUIT, SIGTERM or SIGINT.

    SIGHUP is ignored, unless a plugin receives it.

    Args:
        name: the name of the command, for error messages.
        distribution: the one with its version, to print on a terminal at the start.
    """

    def __init__(self, name: str, distribution: str | None = None) -> None:
        self._name = name
        self._distribution = distribution

    def main(self, command: Callable[[], int]) -> int:
        """Prepare the process, run a command, and report its error.

        Args:
            command: runs, and returns the exit status.

        Returns:
            That status; 1 after a GafferError, which is printed in one line, and if standard output
            cannot be written.
        """
        _fill_stdio()
        gc.set_threshold(GC_THRESHOLD)
        restore_defaults()
        try:
            with _flushed_stdout():
                status = command()
            # At its exit the interpreter collects garbage several times, which takes longer than
            # stopping a hundred processes; what is frozen is left out.
            gc.freeze()
            return status
        except GafferError as error:
            return self.report_error(error)
        except OSError as error:
            if error.filename is None:
                raise
            # Of a file that an option or a configuration names.
            log.debug("the traceback of the error", exc_info=error)
            return self.report_error(GafferError(f"{error.filename}: {error.strerror}"))

    def run(
        self, prepare: Callable[[], KernelSetup], *, daemon: bool = False, in_log: bool = False
    ) -> int:
        """Run a kernel until it ends.

        Args:
            prepare: reads the configuration and loads the plugins; starts nothing.
            daemon: run in the background, and return here once all is running.
            in_log: write an error that ends the kernel to the log, too.

        Returns:
            The exit status.

        Raises:
            GafferError: it could not be prepared, or the daemon did not start.
        """
        if not daemon:
            # Installed first: a signal during `prepare` ends the program with status 0.
            signals = Signals()
            return self._supervise(prepare(), signals, in_log)
        prepared = prepare()
        launcher = daemonize()
        if launcher is None:
            return 0
        write_stdout_to_log()
        return self._supervise(prepared, Signals(), in_log, launcher)

    def _supervise(
        self,
        prepared: KernelSetup,
        signals: Signals,
        in_log: bool,
        launcher: Launcher | None = None,
    ) -> int:
        _set_title(self._name)

        def report(error: Exception) -> int:
            status = self.report_error(error, in_log=in_log)
            if launcher is not None:
                launcher.failed(describe_exception(error))
            return status

        run = partial(
            run_daemon,
            prepared.config,
            prepared.plugins,
            pidfile=prepared.pidfile,
            orphans=prepared.orphans,
            default_pidfile=self._name if launcher else None,
            signals=signals,
            ready=partial(self._report_start, launcher),
            report=report,
        )
        status = trio.run(run)
        signals.ignore_all()
        return status

    def _report_start(
        self, launcher: Launcher | None, kernel: Kernel, pidfile: Path | None
    ) -> bool:
        addresses = get_addresses(kernel)
        if launcher is not None:
            return launcher.ready(f"{self._name}: {describe_daemon(addresses, pidfile)}\n")
        if self._distribution is not None and sys.stdout is not None and sys.stdout.isatty():
            with suppress(OSError):  # the terminal is gone
                text = describe_start(self._name, self._distribution, kernel, addresses)
                print(text, flush=True)
        return True

    def report_error(self, error: Exception, *, in_log: bool = False) -> int:
        """Print an error in one line; log it with its traceback if it is a bug.

        Args:
            error: the error.
            in_log: write it to the log even if it is a GafferError.

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
            print_error(f"{self._name}: {describe_exception(error)}")
        return 1


@contextmanager
def _flushed_stdout() -> Iterator[None]:
    """Turn an error of standard output, as with a full disk, into a GafferError."""
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:
            raise
        # Python would try again, and print the error, when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            raise SystemExit(BROKEN_PIPE) from None
        raise GafferError(f"standard output: {error.strerror}") from None


def _fill_stdio() -> None:
    """Open descriptors 0, 1 and 2 if they are closed: else the next open file becomes stderr."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _set_title(name: str) -> None:
    try:
        from setproctitle import setproctitle  # type: ignore[import-not-found]
    except ImportError:
        # Optional: it only improves the output of ps.
        return
    setproctitle(name)
