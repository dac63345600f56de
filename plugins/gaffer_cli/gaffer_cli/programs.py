"""The commands gaffer and gafferctl: the only place where an error becomes an exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from io import TextIOWrapper
from typing import NoReturn

import click

from gaffer_cli import options, verbs
from gaffer_cli.completing import completion_variable
from gaffer_cli.exit_codes import BROKEN_PIPE, INTERRUPTED, line_of, status_of
from gaffer_cli.group import Verbs

_STATUS = (
    "Status: 0 done, 1 failed, 2 wrong usage, 3 what was asked about does not run, 4 gafferd cannot"
    " be reached."
)


def gaffer() -> int:
    """Run gaffer; returns its exit status."""
    return run(make_gaffer())


def gafferctl() -> int:
    """Run gafferctl; returns its exit status."""
    return run(make_gafferctl())


def make_gaffer() -> Verbs:
    """The command gaffer."""
    return _make(
        "gaffer",
        ("--version",),
        options.of_gaffer,
        "Run the programs of a Procfile, here or on a gafferd.",
        "\b\nExamples:\n"
        "  gaffer start                  run them here, until Ctrl-C\n"
        "  gaffer load                   have gafferd run them\n"
        "  gaffer scale web=3 worker+2   run more of them\n"
        "  gaffer ps                     see how they are",
    )


def make_gafferctl() -> Verbs:
    """The command gafferctl."""
    return _make(
        "gafferctl",
        ("-v", "--version"),
        options.of_gafferctl,
        "Control and watch a gafferd.",
        "\b\nExamples:\n"
        "  gafferctl processes           the names of its jobs\n"
        "  gafferctl status web          how one of them is\n"
        "  gafferctl stop web            stop it\n"
        "  gafferctl watch proc.web      see what becomes of it",
    )


def _make(
    name: str, version_names: tuple[str, ...], shared: options.Shared, summary: str, examples: str
) -> Verbs:
    group = Verbs(
        name,
        [verb for verb in verbs.ALL if verb.program == name],
        shared,
        help=summary,
        epilog=f"{examples}\n\n{_STATUS}",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    return click.version_option(
        None, *version_names, package_name="gaffer-cli", message="%(prog)s %(version)s"
    )(group)


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command, and say in one line why if it fails.

    Args:
        command: gaffer or gafferctl.
        arguments: of its command line; those of this program if not given.

    Returns:
        The exit status.
    """
    program = command.name or ""
    if isinstance(sys.stdout, TextIOWrapper):
        # Text of others may hold what the encoding of the terminal cannot say.
        sys.stdout.reconfigure(errors="backslashreplace")
    if os.environ.get(completion_variable(program)):
        _complete(command, program)
    try:
        status = command.main(arguments, prog_name=program, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.Abort:
        return _interrupted()
    except (BrokenPipeError, SystemExit):
        # Whoever reads what we print has left; click may make an exit of that. Python would
        # complain when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except click.exceptions.NoArgsIsHelpError as error:
        # Its message is the help, which is no line.
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except Exception as error:
        failed = status_of(error)
        if failed is None:
            raise
        click.echo(line_of(error, program), err=True)
        return failed
    return status if isinstance(status, int) else 0


def _interrupted() -> int:
    """End as Ctrl-C ends a program, so that a loop of the shell around it ends, too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)
    return INTERRUPTED


def _complete(command: click.Command, program: str) -> NoReturn:
    """Answer a shell. Nothing else is said: it would stand in the line that is being typed."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        command.main(prog_name=program)
    raise AssertionError(program)
