"""The entries of the tokens file in memory, read again only after a change of the file."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gaffer_auth.certificates import has_name
from gaffer_auth.entries import Certificate, Entry, Token, hash_secret
from gaffer_auth.store_file import StoreError, read_store

log = logging.getLogger(__package__)

_FileState = tuple[int, ...]


class TokenStore:
    """The entries of one file.

    A missing file has no entries. A file that must not be used has none until it is corrected.

    Args:
        path: the path of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: tuple[Entry, ...] = ()
        self._state: _FileState | None = None
        self._problem: str | None = None

    def entries(self) -> tuple[Entry, ...]:
        """Return all entries, expired ones too, after reading the file again if it has changed."""
        try:
            state = _get_file_state(self.path)
            if state != self._state:
                # The state is from before the read, so that a change during the read is noticed
                # the next time.
                self._update(read_store(self.path), state)
        except FileNotFoundError:
            self._update((), None)
        except StoreError as error:
            self._update((), state, str(error))
        except OSError as error:
            # No state, so that it is tried again: EMFILE, for example, passes without a change.
            self._update((), None, f"{self.path}: {error.strerror}")
        return self._entries

    def _update(
        self, entries: tuple[Entry, ...], state: _FileState | None, problem: str | None = None
    ) -> None:
        if problem is not None and problem != self._problem:
            log.error("all tokens and certificates are refused: %s", problem)
        if problem is None and self._problem is not None:
            log.warning("tokens and certificates are accepted again: %s", self.path)
        self._entries, self._state, self._problem = entries, state, problem

    def find_token(self, secret: str) -> Token | None:
        """Return the valid token with a secret. A wrong secret takes as long as a right one."""
        digest = hash_secret(secret)
        found = None
        for entry in self.entries():
            if isinstance(entry, Token) and hmac.compare_digest(entry.sha256, digest):
                found = entry
        return found if found is not None and found.is_valid(datetime.now(UTC)) else None

    def find_certificate(self, certificate: Mapping[str, Any]) -> Certificate | None:
        """Return the first valid entry whose subject is a name of a certificate."""
        now = datetime.now(UTC)
        for entry in self.entries():
            if isinstance(entry, Certificate) and entry.is_valid(now):
                if has_name(certificate, entry.subject):
                    return entry
        return None


def _get_file_state(path: Path) -> _FileState:
    found = path.lstat()
    # With ctime, because chmod and chown change no other value.
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
