"""The command gafferd: the only place where an error becomes an exit status."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial

import trio

from gaffer_kernel.config import Config
from gaffer_kernel.daemon.daemonize import Launcher, daemonize
from gaffer_kernel.daemon.life import live
from gaffer_kernel.daemon.log import start_logging
from gaffer_kernel.daemon.options import (
    config_file,
    disabled_plugins,
    first_look,
    full_parser,
    is_insecure,
    parse,
    pidfile,
    plugins_folder,
)
from gaffer_kernel.daemon.show import plan, plugin_table, survey
from gaffer_kernel.daemon.signals import Signals, restore_defaults
from gaffer_kernel.errors import GafferError
from gaffer_kernel.kernel import Kernel
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.plugins.faults import describe

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run gafferd.

    Args:
        argv: the command line without the name of the program; that of the process when not given.

    Returns:
        0 after QUIT, TERM or INT, and when it has shown what was asked for; 1 when it could not
        start, or failed, and has said why in one line.

    Raises:
        SystemExit: with 2 for wrong usage, with 0 after `--version`.
    """
    _fill_stdio()
    restore_defaults()
    try:
        return _command(sys.argv[1:] if argv is None else argv)
    except GafferError as error:
        return _say(error)


def _command(argv: Sequence[str]) -> int:
    first = first_look(argv)
    if first.help:
        return _help(first)
    start_logging(first.log_level or ("info" if first.verbose else "warning"), first.error_log)
    if first.list_plugins:
        return _list_plugins(first)
    if first.check:
        return _check(*_prepare(argv, first)[:2])
    if first.daemon:
        return _background(*_prepare(argv, first))
    signals = Signals()
    return _supervise(*_prepare(argv, first), signals)


def _prepare(
    argv: Sequence[str], first: argparse.Namespace
) -> tuple[Config, Plugins, argparse.Namespace]:
    """Read the file, find the plugins, read the command line with their options."""
    config = _read(first)
    plugins = _load(first, config)
    options = parse(argv, plugins)
    if options.config != first.config:
        # The first look took the value of a plugin's option for the file, or the other way round.
        config = _read(options)
        plugins = _load(options, config)
        options = parse(argv, plugins)
    config.options.update(vars(options))
    return config, plugins, options


def _read(options: argparse.Namespace) -> Config:
    path = config_file(options.config, os.environ)
    return Config.read(path) if path else Config()


def _load(options: argparse.Namespace, config: Config, broken: Iterable[str] = ()) -> Plugins:
    folder, named = plugins_folder(options.plugins_dir, os.environ, config)
    disabled = disabled_plugins(options.disable, config).union(broken)
    plugins = Plugins()
    plugins.discover(disabled)
    plugins.add_folder(folder, disabled, insecure=is_insecure(config), missing_ok=not named)
    return plugins


# Showing


def _help(first: argparse.Namespace) -> int:
    try:
        parser = full_parser(_load(first, _read(first)))
    except GafferError as error:
        full_parser(Plugins()).print_help()
        _say(error)
    else:
        parser.print_help()
    return 0


def _list_plugins(first: argparse.Namespace) -> int:
    config = _read(first)
    folder, _ = plugins_folder(first.plugins_dir, os.environ, config)
    print(plugin_table(survey(partial(_load, first, config)), folder))
    return 0


def _check(config: Config, plugins: Plugins) -> int:
    kernel = Kernel(config, plugins=plugins)
    kernel.configure()
    print(plan(kernel))
    return 0


# Running


def _background(config: Config, plugins: Plugins, options: argparse.Namespace) -> int:
    launcher = daemonize()
    if launcher is None:
        return 0
    return _supervise(config, plugins, options, Signals(), launcher)


def _supervise(
    config: Config,
    plugins: Plugins,
    options: argparse.Namespace,
    signals: Signals,
    launcher: Launcher | None = None,
) -> int:
    _set_title()

    def report(error: Exception) -> int:
        status = _say(error, in_log=options.error_log is not None)
        if launcher is not None:
            launcher.failed(describe(error))
        return status

    run = partial(
        live,
        config,
        plugins,
        pidfile=pidfile(options.pidfile, config),
        signals=signals,
        ready=launcher.ready if launcher else _nobody_waits,
        report=report,
    )
    status = trio.run(run)
    signals.silence()
    return status


def _nobody_waits() -> bool:
    return True


def _say(error: Exception, *, in_log: bool = False) -> int:
    """Tell people what went wrong, in one line, and if it is a bug, where; return the status."""
    if isinstance(error, ExceptionGroup):
        unexpected = error.split(GafferError)[1] is not None
    else:
        unexpected = not isinstance(error, GafferError)
    if in_log or unexpected:
        log.critical("%s", describe(error), exc_info=error if unexpected else None)
    if not unexpected:
        print(f"gafferd: {describe(error)}", file=sys.stderr)
    return 1


# The process


def _fill_stdio() -> None:
    """See that 0, 1 and 2 are open: else the next file opened gets what is meant for stderr."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _set_title() -> None:
    try:
        from setproctitle import setproctitle  # type: ignore[import-not-found]
    except ImportError:
        # A nicety for `ps`, if it happens to be installed.
        return
    setproctitle("gafferd")
