"""The command gafferd: what each option does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial

from gaffer_kernel.config import Config
from gaffer_kernel.daemon.check import find_unknown_users, find_warnings, get_place
from gaffer_kernel.daemon.log import start_logging
from gaffer_kernel.daemon.options import (
    allows_insecure_plugins,
    get_config_path,
    get_disabled_plugins,
    get_orphans_mode,
    get_pidfile_path,
    get_plugins_dir,
    make_parser,
    parse_command_line,
    parse_known,
)
from gaffer_kernel.daemon.runner import DaemonRunner, KernelSetup
from gaffer_kernel.daemon.show import format_plan, format_plugins, list_plugins
from gaffer_kernel.errors import ConfigError, GafferError, PluginError
from gaffer_kernel.kernel import Kernel
from gaffer_kernel.plugins import Plugins

RUNNER = DaemonRunner("gafferd", "gaffer-kernel")


def main(argv: Sequence[str] | None = None) -> int:
    """Run gafferd.

    Args:
        argv: the command line without the name of the program; that of the process when not given.

    Returns:
        0 after SIGQUIT, SIGTERM or SIGINT, and after output such as `--check`; 1 if it could not
        start or failed, with one line that gives the reason.

    Raises:
        SystemExit: with 2 for wrong usage, with 0 after `--version`.
    """
    return RUNNER.main(partial(_command, sys.argv[1:] if argv is None else argv))


def _command(argv: Sequence[str]) -> int:
    first = parse_known(argv)
    if first.help:
        return _help(first)
    start_logging(first.log_level or ("info" if first.verbose else "warning"), first.error_log)
    if first.list_plugins:
        return _list_plugins(first)
    if first.check:
        return _check(*_prepare(argv, first)[:2])
    prepare = partial(_prepare, argv, first)
    return RUNNER.run(prepare, daemon=first.daemon, in_log=first.error_log is not None)


def _prepare(argv: Sequence[str], first: argparse.Namespace) -> KernelSetup:
    """Read the configuration, load the plugins, parse the command line with their options."""
    config = _read(first)
    plugins = _load(first, config)
    options = parse_command_line(argv, plugins)
    if options.config != first.config:
        # `parse_known` mistook the value of a plugin's option for the file, or the other way round.
        config = _read(options)
        plugins = _load(options, config)
        options = parse_command_line(argv, plugins)
    config.options.update(vars(options))
    orphans = get_orphans_mode(options.orphans, config)
    return KernelSetup(config, plugins, get_pidfile_path(options.pidfile, config), orphans)


def _read(options: argparse.Namespace) -> Config:
    path = get_config_path(options.config, os.environ)
    return Config.read(path, insecure=options.insecure_config) if path else Config()


def _load(options: argparse.Namespace, config: Config, broken: Iterable[str] = ()) -> Plugins:
    folder, named = get_plugins_dir(options.plugins_dir, os.environ, config)
    disabled = get_disabled_plugins(options.disable, config).union(broken)
    plugins = Plugins()
    insecure = allows_insecure_plugins(config)
    errors = []
    for load in (
        partial(plugins.discover, disabled),
        partial(plugins.add_folder, folder, disabled, insecure=insecure, missing_ok=not named),
    ):
        try:
            load()
        except PluginError as error:
            errors.append(error)
    if errors:
        raise PluginError.combine(errors)
    return plugins


# Showing


def _help(first: argparse.Namespace) -> int:
    try:
        parser = make_parser(_load(first, _read(first)))
    except GafferError as error:
        make_parser(Plugins()).print_help()
        RUNNER.report_error(error)
    else:
        parser.print_help()
    return 0


def _list_plugins(first: argparse.Namespace) -> int:
    config = _read(first)
    folder, _ = get_plugins_dir(first.plugins_dir, os.environ, config)
    print(format_plugins(list_plugins(partial(_load, first, config)), folder))
    return 0


def _check(config: Config, plugins: Plugins) -> int:
    kernel = Kernel(config, plugins=plugins)
    mistakes = kernel.find_mistakes()
    has_plan = not mistakes
    warnings: list[ConfigError] = []
    if not config.find_wrong_jobs():
        mistakes += find_unknown_users(config)
        warnings += find_warnings(kernel)
    for mistake in sorted(mistakes, key=get_place):
        RUNNER.report_error(mistake)
    for warning in sorted(warnings, key=get_place):
        print(f"gafferd: warning: {warning}", file=sys.stderr)
    if has_plan:
        print(format_plan(kernel))
    return 1 if mistakes else 0
