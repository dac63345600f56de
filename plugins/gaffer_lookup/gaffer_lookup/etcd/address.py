"""Addresses of etcd as people write them: `etcd://host:2379`, one for each member."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from gaffer_client.address import Address
from gaffer_client.errors import ArgumentError
from gaffer_client.settings import Settings as Connection

from gaffer_lookup.hosts import is_loopback

SCHEMES = {"etcd": False, "etcds": True}
"""Each scheme, and whether it means TLS."""

PORT = 2379
PREFIX = "/gaffer"
"""The default prefix of every key."""

TIMEOUT = 4.0
"""Seconds for each response: less than the deadline for closing a plugin, and a part of a lease."""

_PASSWORD = re.compile(r"\A((?:\w*://)?[^:@]*:).*@", re.DOTALL)

_PREFIX = re.compile(r"(/[A-Za-z0-9_.+-]+)+")


@dataclass(frozen=True, slots=True)
class Settings:
    """The connection to an etcd.

    Attributes:
        members: the connection to each of its members.
        prefix: the prefix of every key, without a `/` at its end.
        user: the user to authenticate as; None without authentication.
        password: of the user.
    """

    members: tuple[Connection, ...]
    prefix: str = PREFIX
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The addresses of all members, as the user wrote them."""
        return " ".join(member.address.text for member in self.members)


class _Member(NamedTuple):
    address: Address
    prefix: str
    user: str | None


def is_etcd(text: str) -> bool:
    """Return whether an address has a scheme of etcd."""
    return text.partition("://")[0] in SCHEMES


def read_settings(
    texts: Sequence[str],
    *,
    password: str | None = None,
    ca_file: str | None = None,
    certificate: str | tuple[str, str] | None = None,
) -> Settings:
    """Read `etcd://[user@]host[:port][/prefix]`, or `etcds://...` for TLS, of each member.

    Args:
        password: of the user.
        ca_file: authorities to check their certificates with, in place of the system's.
        certificate: the one to present: one file with the key in it, or two files.

    Raises:
        ArgumentError: an address is invalid, they are not of one etcd, or a file cannot be used.
    """
    members = [_parse(text) for text in dict.fromkeys(texts)]
    first = members[0]
    for each in members:
        if (each.address.secure, *each[1:]) != (first.address.secure, *first[1:]):
            raise ArgumentError(
                f"{each.address.text} and {first.address.text} differ in more than the host:"
                " they have to be members of one etcd"
            )
        if password is not None and not each.address.secure and not is_loopback(each.address.host):
            raise ArgumentError(
                f"{each.address.text}: the password would be sent unencrypted: use etcds://"
            )
    if (first.user is None) != (password is None):
        missing = "password" if password is None else "user"
        raise ArgumentError(f"{first.address.text}: user and password go together: no {missing}")
    connections = tuple(
        Connection(address=each.address, timeout=TIMEOUT, ca_file=ca_file, certificate=certificate)
        for each in members
    )
    # Load the files now, so that a faulty one stops the start.
    connections[0].tls()
    return Settings(connections, first.prefix, first.user, password)


def read_password(file: str) -> str:
    """Read the password from a file, without white space around it.

    Raises:
        ArgumentError: the file cannot be read, or is empty.
    """
    try:
        password = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise ArgumentError(f"{file}: {reason}") from None
    if not password:
        raise ArgumentError(f"{file}: is empty: it must hold the password")
    return password


def _parse(text: str) -> _Member:
    scheme = text.partition("://")[0]
    try:
        url = urlsplit(text)
        port = PORT if url.port is None else url.port
    except ValueError as error:
        # With an @ the password may have been parsed as the port: keep it out of the message.
        reason = "write etcd://user@host:2379" if "@" in text else str(error).lower()
        raise _address_error(text, reason) from None
    if scheme not in SCHEMES:
        raise _address_error(text, "it must begin with etcd:// or etcds://")
    if url.password is not None:
        # Every user of the machine can read command lines, and with them an address.
        raise _address_error(text, "give the password in a file of its own")
    legible = text.isprintable() and " " not in text and not (url.query or url.fragment)
    if not legible or not url.hostname or not port:
        raise _address_error(text, "write etcd://host:2379")
    prefix = url.path.rstrip("/")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise _address_error(text, "after the port write the prefix of every key, like /gaffer")
    address = Address(text, SCHEMES[scheme], url.hostname, port)
    return _Member(address, prefix or PREFIX, unquote(url.username or "") or None)


def _address_error(text: str, reason: str) -> ArgumentError:
    shown = _PASSWORD.sub(r"\1***@", text)
    return ArgumentError(f"{shown!r} is not an etcd address: {reason}")
