"""The command line of gafferd; and what the environment and the file say of the same things.

Plugins bring options of their own, and options say which plugins there are. So the command line is
read twice: `first_look` takes what it knows, `parse` everything, once the plugins are there.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gaffer_kernel.config import Config
from gaffer_kernel.plugins import Plugins

CONFIG_NAME = "gafferd.ini"
CONFIG_VARIABLE = "GAFFERD_CONFIG"
DEFAULT_CONFIG = f"~/.gaffer/{CONFIG_NAME}"
FOLDER_VARIABLE = "GAFFER_PLUGIN_DIR"
DEFAULT_FOLDERS = ("~/.gaffer/plugins", "~/.gafferd/plugins")
FOLDER_KEYS = ("plugin_dir", "plugins_dir")
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")

DESCRIPTION = "Launch processes and keep them alive, as a configuration file says."
EPILOG = (
    "The command line wins over the environment, that over the file, the file over the defaults."
    " QUIT, TERM and INT end gafferd with status 0; a failed start has status 1, wrong usage 2."
)


class _Parser(argparse.ArgumentParser):
    """Keeps what plugins add apart, when they do not make a group of their own."""

    plugins: argparse._ArgumentGroup | None = None

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        if self.plugins is None:
            return super().add_argument(*args, **kwargs)
        return self.plugins.add_argument(*args, **kwargs)


def first_look(argv: Sequence[str]) -> argparse.Namespace:
    """Take the options of gafferd itself, and leave those of plugins alone.

    `config` is a guess when it comes without `-c` and after an option that only a plugin knows.

    Raises:
        SystemExit: wrong usage, and it has been said; or `--version`.
    """
    parser = _parser(help_action="store_true")
    options, rest = parser.parse_known_args(argv)
    options.config = options.config or _free_word(rest)
    return options


def _free_word(words: Sequence[str]) -> str | None:
    """The first that is no option, and no value of the option before it either."""
    before = ""
    for word in words:
        if not word.startswith("-") and ("=" in before or not before.startswith("-")):
            return word
        before = word
    return None


def full_parser(plugins: Plugins) -> argparse.ArgumentParser:
    """The parser with everything, plugins' options too.

    Raises:
        PluginError: a plugin failed to add its options.
    """
    parser = _parser(help_action="help")
    parser.add_argument("file", nargs="?", metavar="config", type=_name, help="the same as -c")
    parser.plugins = parser.add_argument_group("options of plugins")
    plugins.call_strict("gaffer_add_options", parser=parser)
    return parser


def parse(argv: Sequence[str], plugins: Plugins) -> argparse.Namespace:
    """Read the whole command line.

    Raises:
        PluginError: a plugin failed to add its options.
        SystemExit: wrong usage, and it has been said.
    """
    parser = full_parser(plugins)
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
        allow_abbrev=False,  # what is short for one option today is the name of another tomorrow
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
        help="read configuration files that other users could have written (root refuses them,"
        " others are warned)",
    )
    add(
        "--disable",
        metavar="NAME",
        action="append",
        default=[],
        help="do not load this plugin; may be repeated, adds to disable_plugins of the file",
    )
    add(
        "-v",
        dest="verbose",
        action="count",
        default=0,
        help="say what becomes of the processes, on the console; -vv: show their output, too",
    )
    add("--vv", dest="verbose", action="store_const", const=2, help="the same as -vv")
    add("--daemon", action="store_true", help="run in the background, once all is up")
    add("--pidfile", metavar="FILE", type=_name, help="hold the pid in this file while running")
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
        help=f"what is worth a line in the log: {', '.join(LOG_LEVELS)}"
        " (default: warning; info with -v)",
    )
    add("--list-plugins", action="store_true", help="list the plugins, broken ones too, and exit")
    add(
        "--check",
        action="store_true",
        help="say what the configuration would run, start nothing, and exit",
    )
    return parser


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *ignored: object) -> None:
        from importlib_metadata import version

        print(f"gafferd {version('gaffer-kernel')}")
        parser.exit()


def _name(text: str) -> str:
    """The name of a file as a person writes it."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return os.path.expanduser(text)


def config_file(named: str | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read; None to run without."""
    if name := named or environ.get(CONFIG_VARIABLE):
        path = Path(os.path.expanduser(name))
        return path / CONFIG_NAME if path.is_dir() else path
    default = os.path.expanduser(DEFAULT_CONFIG)
    return Path(default) if os.path.lexists(default) else None


def plugins_folder(
    named: str | None, environ: Mapping[str, str], config: Config
) -> tuple[Path, bool]:
    """The folder of plugins, and whether somebody named it: then it has to be there.

    Raises:
        ConfigError: the file names two.
    """
    section = config.section("gaffer")
    in_file = [section.get(key) for key in FOLDER_KEYS] if section else []
    if section and all(in_file):
        raise section.error(FOLDER_KEYS[1], f"means the same as {FOLDER_KEYS[0]}: keep one")
    for name in (named, environ.get(FOLDER_VARIABLE), *in_file):
        if name:
            return Path(os.path.expanduser(name)), True
    usual = [os.path.expanduser(folder) for folder in DEFAULT_FOLDERS]
    return Path(next(filter(os.path.isdir, usual), usual[0])), False


def is_insecure(config: Config) -> bool:
    """Whether plugins are loaded even if other users could have written them.

    Raises:
        ConfigError: the file says neither true nor false.
    """
    section = config.section("gaffer")
    return section.getbool("insecure_plugin_dir", False) if section else False


def disabled_plugins(named: Sequence[str], config: Config) -> set[str]:
    """The plugins that are not to be loaded."""
    section = config.section("gaffer")
    return {*named, *(section.getlist("disable_plugins", ()) if section else ())}


def pidfile(named: str | None, config: Config) -> Path | None:
    """The pid file, if one is wanted."""
    name = named or config.get("gaffer", "pidfile")
    return Path(os.path.expanduser(name)) if name else None
