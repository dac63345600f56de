"""The service `kernel.services["auth"]`, which identifies callers for gaffer-http."""

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
from gaffer_auth.certificates import get_expiry
from gaffer_auth.entries import Entry, Token
from gaffer_auth.identity import Identity
from gaffer_auth.paths import get_default_file
from gaffer_auth.revocation import Revocation
from gaffer_auth.settings import read_settings
from gaffer_auth.token_store import TokenStore

log = logging.getLogger(__package__)


class Auth:
    """Identifies callers.

    Args:
        store: the current entries.
        revocation: ends the requests of callers that lose their permissions.
    """

    def __init__(self, store: TokenStore, revocation: Revocation) -> None:
        self._store = store
        self._revocation = revocation

    def identify(self, credentials: Credentials) -> Identity | None:
        """Return the caller with a token or a certificate.

        None if the token or certificate is unknown, revoked or expired. Does not block, except for
        reading the file after a change.
        """
        entry: Entry | None = None
        until: datetime | None = None
        if credentials.token is not None:
            entry = self._store.find_token(credentials.token)
        elif credentials.certificate is not None:
            entry = self._store.find_certificate(credentials.certificate)
            until = get_expiry(credentials.certificate)
        if entry is None:
            return None
        ends = [each for each in (until, entry.expires) if each is not None]
        return Identity(entry, min(ends, default=None), self._revocation)


@asynccontextmanager
async def open_auth(kernel: Kernel) -> AsyncIterator[Auth]:
    """Identify callers for the duration of the block; its end cancels their requests in progress.

    Raises:
        GafferError: the audit log cannot be opened.
    """
    settings = read_settings(kernel.config)
    store = TokenStore(settings.file)
    revocation = Revocation(store)
    with _open_audit_log(settings.audit):
        log.info("%s", _describe(store))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(revocation.run, name="revocation")
            try:
                yield Auth(store, revocation)
            finally:
                revocation.cancel_all()
                nursery.cancel_scope.cancel()


@contextmanager
def _open_audit_log(path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    try:
        handler = AuditFile(path)
    except OSError as error:
        raise GafferError(f"audit log {path}: {error.strerror}") from None
    with handler.attached():
        yield


def _describe(store: TokenStore) -> str:
    entries = store.entries()
    if not entries:
        option = "" if store.path == get_default_file(os.environ) else f" --file {store.path}"
        return f"no tokens or certificates yet: gaffer-auth token NAME{option} creates a token"
    tokens = sum(isinstance(each, Token) for each in entries)
    certificates = len(entries) - tokens
    counts = f"{_count(tokens, 'token')} and {_count(certificates, 'certificate')}"
    return f"{counts} in {store.path}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
