"""What the file holds: tokens and certificates, and what each of them may."""

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
"""Each holds the one before."""

PREFIX = "gfr_"
"""How secrets begin, so that people and scanners know one when they see it."""

LONGEST = 255
"""Characters in a name, a session or a subject."""

NAME_RULE = "letters, digits and _.@+-, the first one a letter, a digit or _"
_NAME = r"\A[A-Za-z0-9_][A-Za-z0-9_.@+-]*\Z"

# As in gaffer_kernel.names, which the command does not import: it takes longer than all the rest.
SESSION_RULE = "letters, digits and _+-, the first one a letter, a digit or _"
_SESSION = r"\A[A-Za-z0-9_][A-Za-z0-9_+-]*\Z"

Name = Annotated[str, msgspec.Meta(pattern=_NAME, max_length=LONGEST)]
Session = Annotated[str, msgspec.Meta(pattern=_SESSION, max_length=LONGEST)]
Sessions = Annotated[tuple[Session, ...], msgspec.Meta(min_length=1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

# As a lookupd accepts them.
NODE_RULE = "letters, digits and _.-, neither . nor - at either end"
_NODE = r"\A[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\Z"

Node = Annotated[str, msgspec.Meta(pattern=_NODE, max_length=LONGEST)]
Origin = Annotated[str, msgspec.Meta(pattern=r"\Ahttps?://[^\s/]+\Z", max_length=LONGEST)]


class _Entry(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    name: Name
    right: Right
    sessions: Sessions | None
    created: Moment
    expires: Moment | None = None
    node: Node | None = None
    origin: Origin | None = None

    @property
    def registers(self) -> str:
        """The name of the only node that its holder may register with a lookupd."""
        return self.node or self.name

    @property
    def credential(self) -> str:
        """What shows that somebody is the one it stands for."""
        raise NotImplementedError

    def may(self, right: Right, session: str | None) -> bool:
        """Whether it gives a right in a session; in every session, with None."""
        return RIGHTS.index(right) <= RIGHTS.index(self.right) and (
            self.sessions is None or session in self.sessions
        )

    def counts(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires

    def covers(self, other: Entry) -> bool:
        """Whether it is for the same one as another, and gives him no less."""
        return (
            type(self) is type(other)
            and self.credential == other.credential
            and self.registers == other.registers
            and self.origin in (None, other.origin)
            and all(self.may(other.right, each) for each in other.sessions or (None,))
        )


class Token(_Entry, frozen=True, kw_only=True, tag="token"):
    """Whoever shows a secret. Only its hash is known."""

    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]

    @property
    def credential(self) -> str:
        """The hash of the secret."""
        return self.sha256


class Certificate(_Entry, frozen=True, kw_only=True, tag="certificate"):
    """Whoever has a certificate, of an authority that the endpoint trusts, with a name in it."""

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]

    @property
    def credential(self) -> str:
        """The name in the certificate."""
        return self.subject


Entry = Token | Certificate


def kind_of(entry: Entry) -> str:
    """`token` or `certificate`."""
    return "token" if isinstance(entry, Token) else "certificate"


def new_secret() -> str:
    """A secret for a token: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def is_secret(text: str) -> bool:
    """Whether it is one that `new_secret` could have made; whatever is shorter can be guessed."""
    return re.search(rf"\A{PREFIX}[A-Za-z0-9_-]{{43}}\Z", text) is not None


def hashed(secret: str) -> str:
    """What is kept of a secret. It is too long to be guessed, so a fast hash will do."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_name(text: str) -> bool:
    """Whether a token or a certificate may be called so."""
    return re.search(_NAME, text) is not None and len(text) <= LONGEST


def is_node(text: str) -> bool:
    """Whether a node may be called so."""
    return re.search(_NODE, text) is not None and len(text) <= LONGEST


def is_session(text: str) -> bool:
    """Whether a session may be called so."""
    return re.search(_SESSION, text) is not None and len(text) <= LONGEST


def is_subject(text: str) -> bool:
    """Whether it can be shown on a line, and is not longer than a name may be."""
    return 0 < len(text) <= LONGEST and text.isprintable() and text == text.strip()


def problem_of(entries: Iterable[Entry]) -> str | None:
    """Why entries cannot stand beside each other; None if they can."""
    entries = tuple(entries)
    names = Counter(each.name for each in entries)
    subjects = Counter(each.subject for each in entries if isinstance(each, Certificate))
    for what, counts in (("name", names), ("subject", subjects)):
        for word, times in counts.items():
            if times > 1:
                return f"{times} entries have the {what} {word!r}"
    for subject in subjects:
        if not is_subject(subject):
            return f"{subject!r} cannot be the subject of a certificate"
    return None
