"""Names of jobs, sessions and streams: their rules and their parser."""

import re
from typing import NamedTuple

from gaffer_kernel.errors import InvalidField, shown

DEFAULT_SESSION = "default"
"""The session of jobs that name none."""

MAX_PID = 18
"""Digits of the largest possible pid."""
MAX_NAME = 255

PART = r"[A-Za-z0-9_][A-Za-z0-9_+-]*"
"""A regular expression for one part of a name: valid in a URL, a topic and a file name."""

PART_RULE = "letters, digits, _, - and +, the first one no - or +"

_PART = re.compile(PART)
_SEPARATOR = re.compile(r"[./:]")


class JobName(NamedTuple):
    """The identity of a job: its session and its name inside that session."""

    session: str
    name: str

    def __str__(self) -> str:
        return self.name if self.session == DEFAULT_SESSION else f"{self.session}.{self.name}"

    @classmethod
    def parse(cls, text: str, session: str | None = None) -> "JobName":
        """Parse `name`, `session.name`, `session/name` or `session:name`.

        Args:
            text: the name, with or without a session.
            session: the session of a bare name; `default` if not given. A text that names another
                session is an error.

        Raises:
            InvalidField: `name` or `session`: it breaks the rules for names.
        """
        if session is not None:
            check_session(session)
        first, *rest = _SEPARATOR.split(text, maxsplit=1)
        if not rest:
            return cls(session or DEFAULT_SESSION, _check_name(first))
        check_session(first, field="name")
        if session not in (None, first):
            raise InvalidField("name", f"{shown(text)} is not in the session {shown(session)}")
        return cls(first, _check_name(rest[0]))


def is_pid(text: str) -> bool:
    """Return whether a text can be a pid; the name of a job never can."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_PID


def check_session(session: str, field: str = "session") -> str:
    """Return `session` if it is a valid name of a session, else raise InvalidField."""
    if not _PART.fullmatch(session) or len(session) > MAX_NAME:
        raise InvalidField(field, f"a session is made of {PART_RULE}: {shown(session)}")
    return session


def _check_name(name: str) -> str:
    if not _PART.fullmatch(name) or len(name) > MAX_NAME:
        raise InvalidField("name", f"must be made of {PART_RULE}: {shown(name)}")
    if name.isdigit():
        raise InvalidField("name", f"must not be all digits, that is a pid: {shown(name)}")
    return name
