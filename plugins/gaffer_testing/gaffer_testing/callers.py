"""Callers of the HTTP API who may do less than its owner, without gaffer-auth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import trio
from gaffer_kernel import hookimpl

RIGHTS = ("read", "write", "manage")
"""Each holds those before it."""


class TokenCaller:
    """Who shows a token.

    Args:
        token: a right, everywhere or behind a dot in one session only: `read`, `write.shop`.
        name: what people know him by; the token if it is not given.
    """

    def __init__(self, token: str, name: str | None = None) -> None:
        self.name = token if name is None else name
        self._right, _, self._session = token.partition(".")
        self._admitted: set[trio.CancelScope] = set()

    def may(self, right: str, session: str | None = None) -> bool:
        """Whether he has a right in a session; with None, in all of them."""
        is_there = self._session in ("", session)
        return is_there and RIGHTS.index(right) <= RIGHTS.index(self._right)

    @contextmanager
    def revocable_scope(self) -> Iterator[None]:
        """Until he is told to go."""
        with trio.CancelScope() as scope:
            self._admitted.add(scope)
            try:
                yield
            finally:
                self._admitted.remove(scope)

    def revoke(self) -> None:
        """Cancel all that he has asked for. He is let in again if he is still known."""
        for scope in self._admitted:
            scope.cancel()


class Callers:
    """A plugin that knows callers, and nobody else.

    Args:
        known: callers by the token they show, or the common name in their certificate. Without it,
            whoever shows the token of a TokenCaller is known.

    Attributes:
        known: the same, to be changed at any time.
        seen: the credentials that were shown.
    """

    name = "callers"

    def __init__(self, known: Mapping[str, TokenCaller] | None = None) -> None:
        self.known = None if known is None else dict(known)
        self.seen: list[Any] = []

    @hookimpl(optionalhook=True)
    def gaffer_http_caller(self, credentials: Any) -> TokenCaller | None:
        """The caller that a token tells, or a certificate."""
        self.seen.append(credentials)
        token = credentials.token
        if self.known is not None:
            named = _common_name(credentials.certificate) if token is None else token
            return self.known.get(named)
        token = token or ""
        return TokenCaller(token) if token.partition(".")[0] in RIGHTS else None


def _common_name(certificate: Mapping[str, Any] | None) -> str:
    names = [pair for each in (certificate or {}).get("subject", ()) for pair in each]
    return str(dict(names).get("commonName", ""))
