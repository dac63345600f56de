"""The service: what gaffer-http asks who is calling."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from gaffer_kernel import GafferError, Kernel

if TYPE_CHECKING:
    from gaffer_http.plugin_api import Credentials

from gaffer_auth.audit import AuditFile
from gaffer_auth.certificates import end_of
from gaffer_auth.entries import Entry, Token
from gaffer_auth.identity import Identity
from gaffer_auth.paths import usual_file
from gaffer_auth.revocation import Admissions
from gaffer_auth.settings import read_settings
from gaffer_auth.token_store import Book

log = logging.getLogger(__package__)


class Auth:
    """What `kernel.services["auth"]` is.

    Args:
        book: who is known.
        admissions: who is admitted.
    """

    def __init__(self, book: Book, admissions: Admissions) -> None:
        self._book = book
        self._admissions = admissions

    def identify(self, credentials: Credentials) -> Identity | None:
        """Who shows a token or a certificate; None if that is unknown, revoked or expired.

        Looks at the file, and reads it if it has changed; otherwise waits for nothing.
        """
        entry: Entry | None = None
        until: datetime | None = None
        if credentials.token is not None:
            entry = self._book.of_token(credentials.token)
        elif credentials.certificate is not None:
            entry = self._book.of_certificate(credentials.certificate)
            until = end_of(credentials.certificate)
        if entry is None:
            return None
        ends = [each for each in (until, entry.expires) if each is not None]
        return Identity(entry, min(ends, default=None), self._admissions)


@asynccontextmanager
async def open_auth(kernel: Kernel) -> AsyncIterator[Auth]:
    """Tell who is calling as long as the block lasts; whoever is admitted then is sent away.

    Raises:
        GafferError: the audit log cannot be written.
    """
    settings = read_settings(kernel.config)
    book = Book(settings.file)
    admissions = Admissions(book)
    with _audit(settings.audit):
        log.info("%s", _count(book))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(admissions.run, name="admissions")
            try:
                yield Auth(book, admissions)
            finally:
                admissions.end_all()
                nursery.cancel_scope.cancel()


@contextmanager
def _audit(path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    try:
        handler = AuditFile(path)
    except OSError as error:
        raise GafferError(f"audit log {path}: {error.strerror}") from None
    with handler.auditing():
        yield


def _count(book: Book) -> str:
    entries = book.entries()
    if not entries:
        other = "" if book.path == usual_file(os.environ) else f" --file {book.path}"
        return f"nobody has a token or a certificate: gaffer-auth token NAME{other} makes a token"
    tokens = sum(isinstance(each, Token) for each in entries)
    certificates = len(entries) - tokens
    return f"{_some(tokens, 'token')} and {_some(certificates, 'certificate')} in {book.path}"


def _some(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
