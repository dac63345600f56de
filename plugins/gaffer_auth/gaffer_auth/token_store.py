"""What gafferd knows of the file of tokens: as it is now, read again only when it has changed."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gaffer_auth.certificates import carries
from gaffer_auth.entries import Certificate, Entry, Token, hashed
from gaffer_auth.reading import StoreError, read_store

log = logging.getLogger(__package__)

_Looks = tuple[int, ...]


class Book:
    """The entries of one file. No file has none; nor has one that must not be used, until it may.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: tuple[Entry, ...] = ()
        self._looks: _Looks | None = None
        self._problem: str | None = None

    def entries(self) -> tuple[Entry, ...]:
        """All of them, expired ones too. Looks at the file, and reads it if that looks new."""
        try:
            looks = _looks_of(self.path)
            if looks != self._looks:
                # Looked at before it is read: what changes meanwhile looks new the next time.
                self._settle(read_store(self.path), looks)
        except FileNotFoundError:
            self._settle((), None)
        except StoreError as error:
            self._settle((), looks, str(error))
        except OSError as error:
            # It may pass without any change of the file: too many files are open, say.
            self._settle((), None, f"{self.path}: {error.strerror}")
        return self._entries

    def _settle(
        self, entries: tuple[Entry, ...], looks: _Looks | None, problem: str | None = None
    ) -> None:
        if problem is not None and problem != self._problem:
            log.error("nobody is let in by a token or a certificate: %s", problem)
        if problem is None and self._problem is not None:
            log.warning("tokens and certificates count again: %s", self.path)
        self._entries, self._looks, self._problem = entries, looks, problem

    def of_token(self, secret: str) -> Token | None:
        """The token with a secret, if it counts. A wrong secret takes as long as a right one."""
        shown = hashed(secret)
        found = None
        for entry in self.entries():
            if isinstance(entry, Token) and hmac.compare_digest(entry.sha256, shown):
                found = entry
        return found if found is not None and found.counts(datetime.now(UTC)) else None

    def of_certificate(self, certificate: Mapping[str, Any]) -> Certificate | None:
        """The first entry, of those that count, with a subject that a certificate carries."""
        now = datetime.now(UTC)
        for entry in self.entries():
            if isinstance(entry, Certificate) and entry.counts(now):
                if carries(certificate, entry.subject):
                    return entry
        return None


def _looks_of(path: Path) -> _Looks:
    found = path.lstat()
    # The time of a change of the inode, too: chmod and chown show there alone.
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
