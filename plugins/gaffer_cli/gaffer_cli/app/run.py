"""`gaffer run`: run a command with the variables of the application."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path
from typing import NoReturn

import click

from gaffer_cli.app.application import get_environment
from gaffer_cli.app.concurrency import parse_counts
from gaffer_cli.app.foreground_jobs import foreground_jobs
from gaffer_cli.app.shell import shell_argv
from gaffer_cli.entry import exit_on_sigint
from gaffer_cli.exit_codes import USAGE, CommandError
from gaffer_cli.invocation import Invocation

_NAME = "run"
"""The name of copies without a name."""
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

    A shell runs it: one word is a command line for the shell, several words are quoted each. CMD
    has the terminal and the input of gaffer, and its exit status becomes that of gaffer. With -c
    the exit status is the first of a copy that is not 0.

    \b
    Examples:
      gaffer run python
      gaffer run 'echo $PORT'
      gaffer run -e DEBUG=1 ./manage.py migrate --plan
      gaffer run -c 2 ./work.py
    """
    # Until run_jobs receives the signals, or exec resets them.
    exit_on_sigint()
    root, env = get_environment(run)
    line = words[0] if len(words) == 1 else shlex.join(words)
    if not concurrency:
        _exec(line, root, env)
    return _run_copies(line, root, env, _parse_copies(concurrency))


def _exec(line: str, root: Path, env: dict[str, str]) -> NoReturn:
    os.chdir(root)
    for signum in _IGNORED_BY_PYTHON:
        signal.signal(signum, signal.SIG_DFL)
    environ = {**os.environ, **env}
    argv = shell_argv(line, environ)
    os.execve(argv[0], argv, environ)


def _parse_copies(concurrency: tuple[str, ...]) -> dict[str, int]:
    counts = parse_counts(
        f"{_NAME}={text}" if text.strip().isdecimal() else text for text in concurrency
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
