"""The command line of gafferd, and the environment variables and keys for the same settings.

Plugins add options, and options select the plugins. So the command line is parsed twice:
`parse_known` reads the options of gafferd, `parse_command_line` all, once the plugins are loaded.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from gaffer_kernel.config import Config
from gaffer_kernel.daemon.daemon_kernel import OrphansMode
from gaffer_kernel.plugins import Plugins

CONFIG_NAME = "gafferd.ini"
CONFIG_VARIABLE = "GAFFERD_CONFIG"
DEFAULT_CONFIG = f"~/.gaffer/{CONFIG_NAME}"
FOLDER_VARIABLE = "GAFFER_PLUGIN_DIR"
DEFAULT_FOLDERS = ("~/.gaffer/plugins", "~/.gafferd/plugins")
FOLDER_KEYS = ("plugin_dir", "plugins_dir")
ORPHANS_MODES: tuple[OrphansMode, ...] = get_args(OrphansMode)
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")

DESCRIPTION = "Launch the processes of a configuration file and keep them alive."
EPILOG = (
    "The command line takes precedence over the environment, the environment over the file, the"
    " file over the defaults. gafferd exits with status 0 on SIGQUIT, SIGTERM and SIGINT, with"
    " status 1 if it cannot start, if --check finds a mistake or if it had to be ended by force,"
    " with status 2 after wrong usage."
)


class _Parser(argparse.ArgumentParser):
    """Puts the options of plugins into a group, unless they make a group of their own."""

    plugins: argparse._ArgumentGroup | None = None

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        if self.plugins is None:
            return super().add_argument(*args, **kwargs)
        return self.plugins.add_argument(*args, **kwargs)


def parse_known(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the options of gafferd itself, and ignore those of plugins.

    `config` is a guess if it is given without `-c` and after an option that only a plugin knows.

    Raises:
        SystemExit: wrong usage, with a message; or `--version`.
    """
    parser = _parser(help_action="store_true")
    options, rest = parser.parse_known_args(argv)
    options.config = options.config or _find_positional(rest)
    return options


def _find_positional(words: Sequence[str]) -> str | None:
    """Return the first word that is neither an option nor the value of the option before it."""
    before = ""
    for word in words:
        if not word.startswith("-") and ("=" in before or not before.startswith("-")):
            return word
        before = word
    return None


def make_parser(plugins: Plugins) -> argparse.ArgumentParser:
    """Make the parser with all options, including those of plugins.

    Raises:
        PluginError: a plugin failed to add its options.
    """
    parser = _parser(help_action="help")
    parser.add_argument("file", nargs="?", metavar="config", type=_name, help="the same as -c")
    parser.plugins = parser.add_argument_group("options of plugins")
    plugins.call_strict("gaffer_add_options", parser=parser)
    return parser


def parse_command_line(argv: Sequence[str], plugins: Plugins) -> argparse.Namespace:
    """Parse the whole command line.

    Raises:
        PluginError: a plugin failed to add its options.
        SystemExit: wrong usage, with a message.
    """
    parser = make_parser(plugins)
    options = parser.parse_args(argv)
    if options.file is not None and options.config is not None:
        parser.error(f"the configuration is given twice: {options.config} and {options.file}")
    options.config = options.config or options.file
    del options.file
    return options


def _parser(*, help_action: str) -> _Parser:
    parser = _Parser(
        "gafferd",
        description=DESCRIPTION,
        epilog=EPILOG,
        add_help=False,
        allow_abbrev=False,  # an abbreviation could become the name of a later option
    )
    add = parser.add_argument
    add("-h", "--help", action=help_action, help="show this help and exit")
    add("--version", action=_Version, nargs=0, help="show the version and exit")
    add(
        "-c",
        "--config",
        metavar="CONFIG_FILE",
        type=_name,
        help=f"configuration file, or a folder that holds {CONFIG_NAME} (default:"
        f" ${CONFIG_VARIABLE}, else {DEFAULT_CONFIG} if it is there, else nothing)",
    )
    add(
        "-p",
        "--plugins-dir",
        "--plugin-dir",
        metavar="PLUGINS_DIR",
        type=_name,
        help=f"folder of plugins (default: ${FOLDER_VARIABLE}, else plugin_dir of the file, else"
        f" {DEFAULT_FOLDERS[0]}, or {DEFAULT_FOLDERS[1]} if only that is there)",
    )
    add(
        "--insecure-config",
        action="store_true",
        help="read configuration files that other users can write (root refuses them, other users"
        " get a warning)",
    )
    add(
        "--disable",
        metavar="NAME",
        action="append",
        default=[],
        help="do not load this plugin; can be repeated, adds to disable_plugins of the file",
    )
    add(
        "-v",
        dest="verbose",
        action="count",
        default=0,
        help="show the events of processes on the console; -vv: show their output, too",
    )
    add("--vv", dest="verbose", action="store_const", const=2, help="the same as -vv")
    add(
        "--daemon",
        action="store_true",
        help="run in the background; print pid and address when everything is running",
    )
    add(
        "--pidfile",
        metavar="FILE",
        type=_name,
        help="write the pid to this file while running (default with --daemon:"
        " ~/.gaffer/gafferd-PORT.pid)",
    )
    add(
        "--orphans",
        choices=ORPHANS_MODES,
        help="processes of an earlier gafferd with this configuration that was killed: log them"
        " (warn), or end them before the start (kill) (default: orphans of the file, else warn)",
    )
    add(
        "--error-log",
        metavar="FILE",
        type=_name,
        help="append the log to this file (default: standard error)",
    )
    add(
        "--log-level",
        metavar="LEVEL",
        choices=LOG_LEVELS,
        help=f"log messages of this level and above: {', '.join(LOG_LEVELS)}"
        " (default: warning; info with -v)",
    )
    add(
        "--list-plugins",
        action="store_true",
        help="list the plugins, including broken ones, and exit",
    )
    add(
        "--check",
        action="store_true",
        help="report all mistakes of the configuration, show what it would run, start nothing, and"
        " exit",
    )
    return parser


class _Version(argparse.Action):
    """Looks up the version only for `--version`."""

    def __call__(self, parser: argparse.ArgumentParser, *ignored: object) -> None:
        from importlib_metadata import version

        print(f"gafferd {version('gaffer-kernel')}")
        parser.exit()


def _name(text: str) -> str:
    """Convert a path of the command line: expand `~`, refuse an empty one."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return os.path.expanduser(text)


def get_config_path(named: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the configuration file to read; None to run without one."""
    if name := named or environ.get(CONFIG_VARIABLE):
        path = Path(os.path.expanduser(name))
        # os.path.isdir, unlike Path.is_dir, does not raise in a folder that may not be entered.
        return path / CONFIG_NAME if os.path.isdir(path) else path
    default = os.path.expanduser(DEFAULT_CONFIG)
    return Path(default) if os.path.lexists(default) else None


def get_plugins_dir(
    named: str | None, environ: Mapping[str, str], config: Config
) -> tuple[Path, bool]:
    """Return the folder of plugins, and whether the user named it: then it must exist.

    Raises:
        ConfigError: the file names two folders.
    """
    section = config.section("gaffer")
    in_file = [section.getpath(key) for key in FOLDER_KEYS] if section else []
    if section and all(in_file):
        raise section.error(FOLDER_KEYS[1], f"means the same as {FOLDER_KEYS[0]}: keep one")
    for name in (named, environ.get(FOLDER_VARIABLE), *in_file):
        if name:
            return Path(name).expanduser(), True
    usual = [os.path.expanduser(folder) for folder in DEFAULT_FOLDERS]
    return Path(next(filter(os.path.isdir, usual), usual[0])), False


def allows_insecure_plugins(config: Config) -> bool:
    """Whether plugins are loaded even if other users can write them.

    Raises:
        ConfigError: the value is neither true nor false.
    """
    section = config.section("gaffer")
    return section.getbool("insecure_plugin_dir", False) if section else False


def get_disabled_plugins(named: Sequence[str], config: Config) -> set[str]:
    """Return the names of the plugins that are not loaded."""
    section = config.section("gaffer")
    return {*named, *(section.getlist("disable_plugins", ()) if section else ())}


def get_pidfile_path(named: str | None, config: Config) -> Path | None:
    """Return the path of the pid file, if there is one."""
    if named:
        return Path(os.path.expanduser(named))
    section = config.section("gaffer")
    return section.getpath("pidfile") if section else None


def get_orphans_mode(named: OrphansMode | None, config: Config) -> OrphansMode:
    """Return what to do with the processes of an earlier gafferd.

    Raises:
        ConfigError: the file has another value.
    """
    section = config.section("gaffer")
    text = section.get("orphans", "warn") if section else "warn"
    for mode in ORPHANS_MODES:
        if text == mode:
            return named or mode
    assert section is not None
    raise section.error("orphans", f"must be {' or '.join(ORPHANS_MODES)}, not {text!r}")
