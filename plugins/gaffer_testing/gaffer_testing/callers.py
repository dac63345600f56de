"""Callers of the HTTP API with limited permissions, without gaffer-auth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import trio
from gaffer_kernel import hookimpl

PERMISSIONS = ("read", "write", "manage")
"""Each includes those before it."""


class TokenCaller:
    """A caller who shows a token.

    Args:
        token: a permission, followed by a dot and a session if it is for one session only:
            `read`, `write.shop`.
        name: the name in logs; by default the token.
    """

    def __init__(self, token: str, name: str | None = None) -> None:
        self.name = token if name is None else name
        self._permission, _, self._session = token.partition(".")
        self._scopes: set[trio.CancelScope] = set()

    def may(self, permission: str, session: str | None = None) -> bool:
        """Return whether the caller has a permission in a session; with None, in all sessions."""
        is_there = self._session in ("", session)
        return is_there and PERMISSIONS.index(permission) <= PERMISSIONS.index(self._permission)

    @contextmanager
    def revocable_scope(self) -> Iterator[None]:
        """Cancel the block when `revoke` is called."""
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.remove(scope)

    def revoke(self) -> None:
        """Cancel all requests of the caller; new ones are accepted while the token is known."""
        for scope in self._scopes:
            scope.cancel()


class Callers:
    """A plugin that authenticates callers by token or certificate.

    Args:
        known: callers by token or by the common name in a certificate. Without it, any token that
            TokenCaller accepts is known.

    Attributes:
        known: the same; it may change at any time.
        seen: the credentials of all requests.
    """

    name = "callers"

    def __init__(self, known: Mapping[str, TokenCaller] | None = None) -> None:
        self.known = None if known is None else dict(known)
        self.seen: list[Any] = []

    @hookimpl(optionalhook=True)
    def gaffer_http_caller(self, credentials: Any) -> TokenCaller | None:
        """Return the caller with this token or certificate; None if unknown."""
        self.seen.append(credentials)
        token = credentials.token
        if self.known is not None:
            named = _common_name(credentials.certificate) if token is None else token
            return self.known.get(named)
        token = token or ""
        return TokenCaller(token) if token.partition(".")[0] in PERMISSIONS else None


def _common_name(certificate: Mapping[str, Any] | None) -> str:
    names = [pair for each in (certificate or {}).get("subject", ()) for pair in each]
    return str(dict(names).get("commonName", ""))
