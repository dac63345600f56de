"""URLs of hooks: http or https, without anything that programs parse differently."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from gaffer_kernel import InvalidField

from gaffer_webhooks.ssrf import get_block_reason

MAX_URL = 2048
"""Characters."""

_PRINTABLE = re.compile(r"[!-\[\]-~]+")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?|[0-9a-f]*:[0-9a-f:.]+")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """The parts of a URL.

    Attributes:
        scheme: `http` or `https`.
        host: a name or an address, an IPv6 address without brackets.
        port: the port number.
        target: path and query.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def netloc(self) -> str:
        """Host and port as in a URL and in the header Host."""
        host = bracket(self.host)
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: the part without secrets, for the log."""
        return f"{self.scheme}://{self.netloc}"


def bracket(host: str) -> str:
    """Put an IPv6 address in brackets, as in a URL; return other hosts unchanged."""
    return f"[{host}]" if ":" in host else host


def parse_url(url: str) -> ParsedUrl:
    """Parse the URL of a hook.

    Raises:
        ValueError: a hook cannot have this URL; the text gives the reason.
    """
    if len(url) > MAX_URL:
        raise ValueError(f"is longer than {MAX_URL} characters")
    if not _PRINTABLE.fullmatch(url):
        raise ValueError("must be printable ASCII without spaces and backslashes")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is not a valid URL") from None
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
    target = f"{parts.path or '/'}{query}"
    return ParsedUrl(parts.scheme, host, port or _PORTS[parts.scheme], target)


def check_url(url: object, *, trusted: bool) -> str:
    """Return a URL if a hook can have it.

    A host name is not resolved here, but before each message is sent.

    Raises:
        InvalidField: it is not a valid URL, or its host is a blocked address.
    """
    if not isinstance(url, str):
        raise InvalidField("url", "must be a text")
    try:
        parsed = parse_url(url)
    except ValueError as error:
        raise InvalidField("url", str(error)) from None
    address = _parse_address(parsed.host)
    reason = get_block_reason(address, trusted=trusted) if address is not None else None
    if reason is not None:
        raise InvalidField("url", reason)
    return url


def _parse_address(host: str) -> str | None:
    """Return a host as an address if the system's resolver reads it as one, like `127.1`."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return str(found[0][4][0])
