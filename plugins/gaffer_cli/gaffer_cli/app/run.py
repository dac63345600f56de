"""`gaffer run`: a command with the variables of the application."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path
from typing import NoReturn

import click

from gaffer_cli.app.application import environment
from gaffer_cli.app.concurrency import counts_of
from gaffer_cli.app.here import jobs_here
from gaffer_cli.app.shell import shell_argv
from gaffer_cli.entry import end_at_ctrl_c
from gaffer_cli.exit_codes import USAGE, Failure
from gaffer_cli.invocation import Invocation

_NAME = "run"
"""What copies are called that were given no name."""
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.argument("words", metavar="CMD...", nargs=-1, required=True)
@click.option(
    "-c",
    "--concurrency",
    metavar="N|NAME=N",
    multiple=True,
    help="run so many copies, without input, their lines with the name of each",
)
@click.pass_obj
def command(run: Invocation, words: tuple[str, ...], concurrency: tuple[str, ...]) -> int:
    """Run CMD once in the folder of the application, with its variables; its status is ours.

    A shell runs it: a single word is a line for the shell, of several each is quoted. It has this
    terminal, and its input. With -c, the first status of a copy that is not 0 is that of all.

    \b
    Examples:
      gaffer run python
      gaffer run 'echo $PORT'
      gaffer run -e DEBUG=1 ./manage.py migrate --plan
      gaffer run -c 2 ./work.py
    """
    end_at_ctrl_c()  # Until there is something that runs.
    root, env = environment(run)
    line = words[0] if len(words) == 1 else shlex.join(words)
    if not concurrency:
        _become(line, root, env)
    return _copies(line, root, env, _counts(concurrency))


def _become(line: str, root: Path, env: dict[str, str]) -> NoReturn:
    os.chdir(root)
    for signum in _IGNORED_BY_PYTHON:
        signal.signal(signum, signal.SIG_DFL)
    environ = {**os.environ, **env}
    argv = shell_argv(line, environ)
    os.execve(argv[0], argv, environ)


def _counts(concurrency: tuple[str, ...]) -> dict[str, int]:
    counts = counts_of(
        f"{_NAME}={text}" if text.strip().isdecimal() else text for text in concurrency
    )
    if not any(counts.values()):
        raise Failure("-c: run at least one copy", USAGE)
    return counts


def _copies(line: str, root: Path, env: dict[str, str], counts: dict[str, int]) -> int:
    from gaffer_procfile import Application, Procfile
    from gaffer_procfile.procfile import Entry

    from gaffer_cli.foreground import OnExit, run_jobs

    procfile = Procfile(root / "run", {name: Entry(name, line, 1) for name in counts})
    app = Application(_NAME, root, procfile, env, counts)
    return run_jobs(jobs_here(app), OnExit.CONTINUE)
