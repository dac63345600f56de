"""What a command ends with: one line for people, a status for programs."""

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
"""What shells make of Ctrl-C."""
BROKEN_PIPE = 141
"""What shells make of writing to somebody who has left."""


class Failure(Exception):
    """The command has failed, and says why in one line.

    Args:
        reason: the line.
        status: what the command ends with.
    """

    def __init__(self, reason: str, status: int = FAILED) -> None:
        super().__init__(reason)
        self.status = status


class NotLoaded(Failure):
    """What was asked about is not there; with many gafferds it may be at another one."""


class NotRunning(Failure):
    """What was asked about does not run; to programs that is an answer, too."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, NOT_RUNNING)


def status_of(error: Exception) -> int | None:
    """The status of an error that a person can do something about; None of a bug."""
    if isinstance(error, Failure):
        return error.status
    if isinstance(error, NoLookupdError):
        return FAILED if all(map(_is_refusal, error.failed.values())) else UNREACHABLE
    if isinstance(error, UnreachableError):
        return UNREACHABLE
    if isinstance(error, ArgumentError):
        return USAGE
    if isinstance(error, ClientError | OSError) or _is_kernels(error):
        return FAILED
    return error.exit_code if isinstance(error, click.ClickException) else None


def line_of(error: Exception, program: str) -> str:
    """What is said of such an error, in one line that cannot steer a terminal."""
    return printable(_line_of(error, program))


def _line_of(error: Exception, program: str) -> str:
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


def _is_kernels(error: Exception) -> bool:
    # Who raised it has imported it; a command that only asks gafferd must not.
    errors = sys.modules.get("gaffer_kernel.errors")
    return errors is not None and isinstance(error, errors.GafferError)


def _sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text[:1].lower() + text[1:]
