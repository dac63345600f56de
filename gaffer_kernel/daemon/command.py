"""The command gafferd: what it does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial

from gaffer_kernel.config import Config
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
from gaffer_kernel.daemon.runner import Prepared, Program
from gaffer_kernel.daemon.show import plan, plugin_table, survey
from gaffer_kernel.errors import GafferError
from gaffer_kernel.kernel import Kernel
from gaffer_kernel.plugins import Plugins

PROGRAM = Program("gafferd")


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
    return PROGRAM.main(partial(_command, sys.argv[1:] if argv is None else argv))


def _command(argv: Sequence[str]) -> int:
    first = first_look(argv)
    if first.help:
        return _help(first)
    start_logging(first.log_level or ("info" if first.verbose else "warning"), first.error_log)
    if first.list_plugins:
        return _list_plugins(first)
    if first.check:
        return _check(*_prepare(argv, first)[:2])
    prepare = partial(_prepare, argv, first)
    return PROGRAM.run(prepare, daemon=first.daemon, in_log=first.error_log is not None)


def _prepare(argv: Sequence[str], first: argparse.Namespace) -> Prepared:
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
    return Prepared(config, plugins, pidfile(options.pidfile, config))


def _read(options: argparse.Namespace) -> Config:
    path = config_file(options.config, os.environ)
    return Config.read(path, insecure=options.insecure_config) if path else Config()


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
        PROGRAM.say(error)
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
