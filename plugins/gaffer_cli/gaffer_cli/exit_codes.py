"""How a command ends: an error line for people, an exit status for programs."""

from __future__ import annotations

import sys

import click
from gaffer_client.errors import (
    ArgumentError,
    CertificateError,
    ClientError,
    NoLookupdError,
    ResponseError,
    UnreachableError,
)

from gaffer_cli.printable import printable

FAILED = 1
USAGE = 2
NOT_RUNNING = 3
UNREACHABLE = 4
INTERRUPTED = 130
"""The status that shells give a program killed by SIGINT."""
BROKEN_PIPE = 141
"""The status that shells give a program killed by SIGPIPE."""


class CommandError(Exception):
    """The command has failed, for a reason in one line.

    Args:
        reason: the line.
        status: the exit status of the command.
    """

    def __init__(self, reason: str, status: int = FAILED) -> None:
        super().__init__(reason)
        self.status = status


class NotLoadedError(CommandError):
    """gafferd does not have the application; with many gafferds another one may have it."""


class NotRunningError(CommandError):
    """The job or session does not run, which is also an answer for programs: status 3."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, NOT_RUNNING)


def get_exit_status(error: Exception) -> int | None:
    """Return the status of an error that the user can act on; None for a bug."""
    if isinstance(error, CommandError):
        return error.status
    if isinstance(error, NoLookupdError):
        return FAILED if all(map(_is_refusal, error.failed.values())) else UNREACHABLE
    if isinstance(error, UnreachableError):
        return UNREACHABLE
    if isinstance(error, ArgumentError):
        return USAGE
    if isinstance(error, ClientError | OSError) or _is_kernel_error(error):
        return FAILED
    return error.exit_code if isinstance(error, click.ClickException) else None


def format_error(error: Exception, program: str) -> str:
    """Format such an error as one line without control sequences for the terminal."""
    return printable(_format_error(error, program))


def _format_error(error: Exception, program: str) -> str:
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else program
        return f"{path}: {_sentence(error.format_message())}; see {path} --help"
    if isinstance(error, click.ClickException):
        return f"{program}: {_sentence(error.format_message())}"
    if isinstance(error, CertificateError) or _has_untrusted(error):
        return f"{program}: {error}; --cacert names the certificates to check it against"
    if isinstance(error, UnreachableError):
        return f"{program}: {error}; is gafferd running? Another one is named with --endpoint"
    if isinstance(error, OSError) and error.filename:
        return f"{program}: {error.filename}: {(error.strerror or str(error)).lower()}"
    return f"{program}: {' '.join(str(error).split())}"


def _is_refusal(error: ClientError) -> bool:
    return isinstance(error, ResponseError)


def _has_untrusted(error: Exception) -> bool:
    return isinstance(error, NoLookupdError) and any(
        isinstance(each, CertificateError) for each in error.failed.values()
    )


def _is_kernel_error(error: Exception) -> bool:
    # Code that raises such an error has imported the module; commands that only send requests to
    # gafferd must not import it.
    errors = sys.modules.get("gaffer_kernel.errors")
    return errors is not None and isinstance(error, errors.GafferError)


def _sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text[:1].lower() + text[1:]
