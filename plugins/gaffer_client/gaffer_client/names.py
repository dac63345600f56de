"""How a job is named: by its session and its own name."""

from __future__ import annotations

import re
from typing import NamedTuple

from gaffer_client.errors import ArgumentError

DEFAULT_SESSION = "default"
"""The session of a job that was given none."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+-]*")
_SEPARATOR = re.compile(r"[./:]")


class JobName(NamedTuple):
    """A job's session and name, both as they stand in paths."""

    session: str
    name: str

    def __str__(self) -> str:
        return self.name if self.session == DEFAULT_SESSION else f"{self.session}.{self.name}"

    @classmethod
    def parse(cls, text: str, session: str | None = None) -> JobName:
        """Read `name`, `session.name`, `session/name` or `session:name`.

        Args:
            text: what a person wrote.
            session: the session of a bare name; `default` if not given.

        Raises:
            ArgumentError: it is no name, or one in another session.
        """
        first, *rest = _SEPARATOR.split(text, maxsplit=1)
        named = cls(first, rest[0]) if rest else cls(session or DEFAULT_SESSION, first)
        if not all(map(_PART.fullmatch, named)):
            raise ArgumentError(
                f"{text!r} is no name of a job: that is NAME or SESSION.NAME, of letters,"
                " digits, _, - and +"
            )
        if session not in (None, named.session):
            raise ArgumentError(f"{text!r} is not in the session {session!r}")
        return named


def check_part(text: str) -> str:
    """A part of a name, as it is.

    Raises:
        ArgumentError: it cannot be one.
    """
    if not _PART.fullmatch(text):
        raise ArgumentError(f"{text!r} is no name: letters, digits, _, - and + can be in one")
    return text
