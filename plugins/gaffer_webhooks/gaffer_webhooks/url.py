"""URLs of hooks: http or https, and nothing in them that programs read differently."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from gaffer_kernel import InvalidField

from gaffer_webhooks.ssrf import refusal

LONGEST = 2048
"""Characters."""

_PRINTABLE = re.compile(r"[!-\[\]-~]+")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?|[0-9a-f]*:[0-9a-f:.]+")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads.

    Attributes:
        scheme: `http` or `https`.
        host: a name or an address, an IPv6 one without brackets.
        port: its number.
        target: path and query.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def netloc(self) -> str:
        """Host and port as they stand in a URL and in the header Host."""
        host = bracketed(self.host)
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The part of the URL that holds no secret, for the log."""
        return f"{self.scheme}://{self.netloc}"


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def place_of(url: str) -> Place:
    """Where a URL leads.

    Raises:
        ValueError: it is not one that a hook can have; says why.
    """
    if len(url) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    if not _PRINTABLE.fullmatch(url):
        raise ValueError("must be printable ASCII without spaces and backslashes")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("must have no user or password in it")
    if parts.fragment or url.endswith("#"):
        raise ValueError("must have no '#' in it")
    host = (parts.hostname or "").lower()
    if not _HOST.fullmatch(host) or ("[" in parts.netloc) != (":" in host):
        raise ValueError("has no valid host")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("has no valid port")
    query = f"?{parts.query}" if parts.query else ""
    return Place(parts.scheme, host, port or _PORTS[parts.scheme], f"{parts.path or '/'}{query}")


def check_url(url: object, *, trusted: bool) -> str:
    """A URL that somebody gave, if a hook can have it.

    A host that is a name is not looked up here, but each time something is sent.

    Raises:
        InvalidField: it is no URL, or an address that must not be reached.
    """
    if not isinstance(url, str):
        raise InvalidField("url", "must be a text")
    try:
        place = place_of(url)
    except ValueError as error:
        raise InvalidField("url", str(error)) from None
    address = _address(place.host)
    reason = refusal(address, trusted=trusted) if address is not None else None
    if reason is not None:
        raise InvalidField("url", reason)
    return url


def _address(host: str) -> str | None:
    """The address that a host is, as whoever connects would read it: `127.1` is one."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return str(found[0][4][0])
