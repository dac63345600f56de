"""`gaffer run`: run a command with the variables of the application."""

from __future__ import annotations

import os
import shlex
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from gaffer_cli.app.application import (
    get_environment,
    get_procfile,
    read_application,
    set_first_port,
)
from gaffer_cli.app.concurrency import parse_counts
from gaffer_cli.app.foreground_jobs import foreground_jobs
from gaffer_cli.app.shell import shell_argv
from gaffer_cli.entry import exit_on_sigint
from gaffer_cli.exit_codes import USAGE, CommandError
from gaffer_cli.invocation import Invocation
from gaffer_cli.listeners import find_listeners

if TYPE_CHECKING:
    from gaffer_procfile.application import Type

_NAME = "run"
"""The name of copies of a command without a name."""
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.argument("words", metavar="CMD...", nargs=-1, required=True)
@click.option(
    "-c",
    "--concurrency",
    metavar="N|NAME=N",
    multiple=True,
    help="run N copies without input, and prefix each line with the name of its copy",
)
@click.pass_obj
def command(run: Invocation, words: tuple[str, ...], concurrency: tuple[str, ...]) -> int:
    """Run CMD once, in the folder of the application and with its variables.

    If CMD is one word and a type of the Procfile, the command of the type runs, with the PORT that
    gaffer start would give its first process now.

    A shell runs it: one word is a command line for the shell, several words are quoted each. CMD
    has the terminal and the input of gaffer, and its exit status becomes that of gaffer. With -c
    the exit status is the first of a copy that is not 0.

    \b
    Examples:
      gaffer run python
      gaffer run web
      gaffer run 'echo $PORT'
      gaffer run -e DEBUG=1 ./manage.py migrate --plan
      gaffer run -c 2 ./work.py
    """
    # Until run_jobs receives the signals, or exec resets them.
    exit_on_sigint()
    root, env = get_environment(run)
    name, line = _NAME, words[0] if len(words) == 1 else shlex.join(words)
    if found := _find_type(run, words):
        from gaffer_procfile.application import TYPE_VARIABLE

        name, line = found.name, found.command
        env |= {**next(found.instances()).env, TYPE_VARIABLE: f"{name}.1"}
    if not concurrency:
        _exec(line, root, env)
    return _run_copies(line, root, env, _parse_copies(name, concurrency))


def _find_type(run: Invocation, words: tuple[str, ...]) -> Type | None:
    """Return the type of the Procfile that a command of one word names; None if it names none."""
    if len(words) > 1 or not get_procfile(run).is_file():
        return None
    from gaffer_kernel import ConfigError

    try:
        app = set_first_port(read_application(run), None)
        if words[0] not in app.procfile.entries:
            return None
        used = {each.port for each in find_listeners()}
        [found] = replace(app, used_ports=used, concurrency={words[0]: 1}).only(words[0]).types()
    except ConfigError as error:
        # Without a type, the command needs no Procfile.
        run.warn(f"warning: {error}")
        return None
    return found


def _exec(line: str, root: Path, env: dict[str, str]) -> NoReturn:
    os.chdir(root)
    for signum in _IGNORED_BY_PYTHON:
        signal.signal(signum, signal.SIG_DFL)
    environ = {**os.environ, **env}
    argv = shell_argv(line, environ)
    os.execve(argv[0], argv, environ)


def _parse_copies(name: str, concurrency: tuple[str, ...]) -> dict[str, int]:
    counts = parse_counts(
        f"{name}={text}" if text.strip().isdecimal() else text for text in concurrency
    )
    if not any(counts.values()):
        raise CommandError("-c: run at least one copy", USAGE)
    return counts


def _run_copies(line: str, root: Path, env: dict[str, str], counts: dict[str, int]) -> int:
    from gaffer_procfile import Application, Procfile
    from gaffer_procfile.procfile import Entry

    from gaffer_cli.foreground import OnExit, run_jobs

    procfile = Procfile(root / "run", {name: Entry(name, line, 1) for name in counts})
    app = Application(_NAME, root, procfile, env, counts)
    return run_jobs(foreground_jobs(app), OnExit.CONTINUE)
