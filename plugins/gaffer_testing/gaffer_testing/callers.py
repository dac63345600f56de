"""Callers of the HTTP API who may do less than its owner, without gaffer-auth."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from gaffer_kernel.hookspecs import hookimpl

RIGHTS = ("read", "write", "manage")
"""Each holds those before it."""


class TokenCaller:
    """Who shows a token.

    Args:
        token: a right, everywhere or behind a dot in one session only: `read`, `write.shop`.
    """

    def __init__(self, token: str) -> None:
        self.name = token
        self._right, _, self._session = token.partition(".")

    def may(self, right: str, session: str | None = None) -> bool:
        """Whether he has a right in a session; with None, in all of them."""
        is_there = self._session in ("", session)
        return is_there and RIGHTS.index(right) <= RIGHTS.index(self._right)

    def admitted(self) -> AbstractContextManager[None]:
        """He never loses his rights."""
        return nullcontext()


class Callers:
    """A plugin that knows whoever shows the token of a TokenCaller, and nobody else."""

    name = "callers"

    @hookimpl(optionalhook=True)
    def gaffer_http_caller(self, credentials: Any) -> TokenCaller | None:
        """The caller that a token tells."""
        token = credentials.token or ""
        return TokenCaller(token) if token.partition(".")[0] in RIGHTS else None
