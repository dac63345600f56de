"""The commands gaffer and gafferctl: the only place where an error becomes an exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, suppress
from io import TextIOWrapper
from typing import NoReturn

import click

from gaffer_cli import options, verbs
from gaffer_cli.exit_codes import BROKEN_PIPE, INTERRUPTED, format_error, get_exit_status
from gaffer_cli.group import VerbGroup

_STATUS = (
    "Status: 0 done, 1 failed, 2 wrong usage, 3 the job or session does not run, 4 gafferd cannot"
    " be reached."
)


def gaffer() -> int:
    """Run gaffer and return its exit status."""
    return run(make_gaffer())


def gafferctl() -> int:
    """Run gafferctl and return its exit status."""
    return run(make_gafferctl())


def make_gaffer() -> VerbGroup:
    """Make the command gaffer."""
    return _make(
        "gaffer",
        ("--version",),
        options.gaffer_options,
        "Run the programs of a Procfile, here or on a gafferd.",
        "\b\nExamples:\n"
        "  gaffer start                  run them here, until Ctrl-C\n"
        "  gaffer load                   load them into gafferd\n"
        "  gaffer scale web=3 worker+2   run more of them\n"
        "  gaffer ps                     show their processes",
    )


def make_gafferctl() -> VerbGroup:
    """Make the command gafferctl."""
    return _make(
        "gafferctl",
        ("-v", "--version"),
        options.gafferctl_options,
        "Control and watch a gafferd.",
        "\b\nExamples:\n"
        "  gafferctl processes           show the names of all jobs\n"
        "  gafferctl status web          show the status of one\n"
        "  gafferctl stop web            stop it\n"
        "  gafferctl watch proc.web      watch its events",
    )


def _make(
    name: str, version_names: tuple[str, ...], shared: options.Shared, summary: str, examples: str
) -> VerbGroup:
    group = VerbGroup(
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
    """Run a command; if it fails, print the reason in one line.

    Args:
        command: gaffer or gafferctl.
        arguments: of the command line; by default those of this program.

    Returns:
        The exit status.
    """
    program = command.name or ""
    if isinstance(sys.stdout, TextIOWrapper):
        # Names and output of programs may hold characters that the encoding cannot represent.
        sys.stdout.reconfigure(errors="backslashreplace")
    if os.environ.get(options.completion_variable(program)):
        _complete(command, program)
    try:
        status = command.main(arguments, prog_name=program, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.Abort:
        return _interrupted()
    except (BrokenPipeError, SystemExit):
        # The reader of standard output is gone; click turns EPIPE into SystemExit. With /dev/null
        # in its place Python does not report the error again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except click.exceptions.NoArgsIsHelpError as error:
        # Its message is the whole help, not a line.
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except Exception as error:
        failed = get_exit_status(error)
        if failed is None:
            raise
        with suppress(OSError):  # standard error can be full, too
            click.echo(format_error(error, program), err=True)
        _discard_unwritten()
        return failed
    return status if isinstance(status, int) else 0


def _discard_unwritten() -> None:
    """Discard what standard output does not take: at its exit Python would try again."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted() -> int:
    """Exit by SIGINT itself, so that a shell loop around the command stops as well."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)
    return INTERRUPTED


def _complete(command: click.Command, program: str) -> NoReturn:
    """Print completions for a shell, without errors, which would appear in the typed line."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        command.main(prog_name=program)
    raise AssertionError(program)
