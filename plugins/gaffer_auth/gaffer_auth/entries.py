"""The entries of the tokens file: tokens and certificates with their permissions."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec

Right = Literal["read", "write", "manage"]
RIGHTS: tuple[Right, ...] = ("read", "write", "manage")
"""Each includes the ones before it."""

PREFIX = "gfr_"
"""The first characters of every secret, by which people and secret scanners recognize it."""

MAX_LENGTH = 255
"""Maximum characters of a name, a session or a subject."""

NAME_RULE = "letters, digits and _.@+-, none of .@+- at the beginning"
_NAME = r"\A[A-Za-z0-9_][A-Za-z0-9_.@+-]*\Z"

# A copy of the rule in gaffer_kernel.names: importing the kernel takes longer than a whole run of
# the command.
SESSION_RULE = "letters, digits and _+-, neither + nor - at the beginning"
_SESSION = r"\A[A-Za-z0-9_][A-Za-z0-9_+-]*\Z"

Name = Annotated[str, msgspec.Meta(pattern=_NAME, max_length=MAX_LENGTH)]
Session = Annotated[str, msgspec.Meta(pattern=_SESSION, max_length=MAX_LENGTH)]
Sessions = Annotated[tuple[Session, ...], msgspec.Meta(min_length=1)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]

# The rule of lookupd.
NODE_RULE = "letters, digits and _.-, neither . nor - at either end"
_NODE = r"\A[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z"

Node = Annotated[str, msgspec.Meta(pattern=_NODE, max_length=MAX_LENGTH)]
Origin = Annotated[str, msgspec.Meta(pattern=r"\Ahttps?://[^\s/]+\Z", max_length=MAX_LENGTH)]


class _Entry(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    name: Name
    right: Right
    sessions: Sessions | None
    created: Time
    expires: Time | None = None
    node: Node | None = None
    origin: Origin | None = None

    @property
    def registered_node(self) -> str:
        """The name of the only node that the holder may register with a lookupd."""
        return self.node or self.name

    @property
    def credential(self) -> str:
        """The value that identifies the holder."""
        raise NotImplementedError

    def may(self, right: Right, session: str | None) -> bool:
        """Return whether it gives a permission in a session; with None, in every session."""
        return RIGHTS.index(right) <= RIGHTS.index(self.right) and (
            self.sessions is None or session in self.sessions
        )

    def is_valid(self, now: datetime) -> bool:
        """Return whether it has not expired."""
        return self.expires is None or now < self.expires

    def covers(self, other: Entry) -> bool:
        """Return whether it has the credential of another entry, and at least its permissions."""
        return (
            type(self) is type(other)
            and self.credential == other.credential
            and self.registered_node == other.registered_node
            and self.origin in (None, other.origin)
            and all(self.may(other.right, each) for each in other.sessions or (None,))
        )


class Token(_Entry, frozen=True, kw_only=True, tag="token"):
    """The permissions of the holder of a secret. The file has only the hash of the secret."""

    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]

    @property
    def credential(self) -> str:
        """The hash of the secret."""
        return self.sha256


class Certificate(_Entry, frozen=True, kw_only=True, tag="certificate"):
    """The permissions of the holder of a client certificate with a name.

    The certificate must be signed by an authority that the endpoint trusts.
    """

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LENGTH)]

    @property
    def credential(self) -> str:
        """The name in the certificate."""
        return self.subject


Entry = Token | Certificate


def get_kind(entry: Entry) -> str:
    """Return `token` or `certificate`."""
    return "token" if isinstance(entry, Token) else "certificate"


def new_secret() -> str:
    """Create the secret of a token: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def is_secret(text: str) -> bool:
    """Return whether `new_secret` could have returned a text; shorter ones could be guessed."""
    return re.search(rf"\A{PREFIX}[A-Za-z0-9_-]{{43}}\Z", text) is not None


def hash_secret(secret: str) -> str:
    """Return the hash that the file keeps. 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_name(text: str) -> bool:
    """Return whether a text can be the name of an entry."""
    return re.search(_NAME, text) is not None and len(text) <= MAX_LENGTH


def is_node(text: str) -> bool:
    """Return whether a text can be the name of a node."""
    return re.search(_NODE, text) is not None and len(text) <= MAX_LENGTH


def is_session(text: str) -> bool:
    """Return whether a text can be the name of a session."""
    return re.search(_SESSION, text) is not None and len(text) <= MAX_LENGTH


def is_subject(text: str) -> bool:
    """Return whether a text can be a subject: printable on one line, and not too long."""
    return 0 < len(text) <= MAX_LENGTH and text.isprintable() and text == text.strip()


def find_problem(entries: Iterable[Entry]) -> str | None:
    """Return why entries cannot be in one file, None if they can."""
    entries = tuple(entries)
    names = Counter(each.name for each in entries)
    subjects = Counter(each.subject for each in entries if isinstance(each, Certificate))
    for what, counts in (("name", names), ("subject", subjects)):
        for text, count in counts.items():
            if count > 1:
                return f"{count} entries have the {what} {text!r}"
    for subject in subjects:
        if not is_subject(subject):
            return f"{subject!r} cannot be the subject of a certificate"
    return None
