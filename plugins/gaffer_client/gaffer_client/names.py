"""Job names: session and name."""

from __future__ import annotations

import re
from typing import NamedTuple

from gaffer_client.errors import ArgumentError

DEFAULT_SESSION = "default"
"""The session of a job that is named without one."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+-]*")
_SEPARATOR = re.compile(r"[./:]")


class JobName(NamedTuple):
    """The session and name of a job, as they appear in paths."""

    session: str
    name: str

    def __str__(self) -> str:
        return self.name if self.session == DEFAULT_SESSION else f"{self.session}.{self.name}"

    @classmethod
    def parse(cls, text: str, session: str | None = None) -> JobName:
        """Parse `name`, `session.name`, `session/name` or `session:name`.

        Args:
            text: the input of a person.
            session: the session of a bare name; `default` if not given.

        Raises:
            ArgumentError: the text is not a job name, or names a job of another session.
        """
        first, *rest = _SEPARATOR.split(text, maxsplit=1)
        named = cls(first, rest[0]) if rest else cls(session or DEFAULT_SESSION, first)
        if not all(map(_PART.fullmatch, named)):
            raise ArgumentError(
                f"{text!r} is not a job name: write NAME or SESSION.NAME, with letters,"
                " digits, _, - and +"
            )
        if session not in (None, named.session):
            raise ArgumentError(f"{text!r} is not in the session {session!r}")
        return named


def has_session(text: str) -> bool:
    """Return whether the name of a job includes its session."""
    return _SEPARATOR.search(text) is not None


def check_part(text: str) -> str:
    """Return one part of a name unchanged.

    Raises:
        ArgumentError: the text cannot be part of a name.
    """
    if not _PART.fullmatch(text):
        raise ArgumentError(f"{text!r} is not a name: use letters, digits, _, - and +")
    return text
