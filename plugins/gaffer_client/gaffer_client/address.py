"""Where gafferd listens, as people write it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from gaffer_client.errors import ArgumentError

DEFAULT = "http://127.0.0.1:5000"
"""Where gafferd listens if nobody told it."""

_PORTS = {"http": 80, "https": 443}
_SOCKETS = ("unix", "http+unix", "https+unix")

_USER = re.compile(r"(\A(?:[\w+]*://)?).*@", re.DOTALL)
_SECRETS = re.compile(r"((?:[?&#][^=&#]*=|gfr_))[^&#\s]*")


class Address(NamedTuple):
    """One address of gafferd.

    Attributes:
        text: as it was written; errors show it.
        secure: whether it is spoken to over TLS.
        host: a name or an address, without brackets.
        port: over TCP.
        prefix: what every path begins with, behind a proxy.
        socket: the path of the unix socket, None over TCP.
    """

    text: str
    secure: bool
    host: str
    port: int
    prefix: str = ""
    socket: str | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `http://host:port`, `https://host:port`, `unix:/path`, or `http+unix:/path`.

        Raises:
            ArgumentError: it is none of them.
        """
        scheme, colon, rest = text.partition(":")
        if colon and scheme in _SOCKETS:
            return cls._of_socket(text, scheme, rest)
        if not colon or scheme not in _PORTS:
            raise _refused(text, "it must begin with http://, https:// or unix:/")
        try:
            url = urlsplit(text)
            port = url.port
        except ValueError as error:
            # With an @ in it, it may be a password that was read as a port.
            reason = "write https://host:port" if "@" in text else str(error).lower()
            raise _refused(text, reason) from None
        if not url.hostname or not text.isprintable() or " " in text:
            raise _refused(text, "it has no host")
        if url.username is not None:
            raise _refused(text, "a name and password mean nothing here, give a token")
        if url.query or url.fragment:
            raise _refused(text, "it ends with the port")
        if port is None:
            port = _PORTS[scheme]
        return cls(text, scheme == "https", url.hostname, port, url.path.rstrip("/"))

    @classmethod
    def _of_socket(cls, text: str, scheme: str, path: str) -> Address:
        path = path.removeprefix("//")
        if not path or "\0" in path:
            raise _refused(text, "it has no path of a socket")
        secure = scheme.startswith("https")
        return cls(text, secure, "localhost", _PORTS["https" if secure else "http"], socket=path)

    @property
    def base(self) -> str:
        """The URL that every path is appended to; over a socket, the host in it means nothing."""
        scheme = "https" if self.secure else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[scheme] else f":{self.port}"
        return f"{scheme}://{host}{port}{self.prefix}"


def _refused(text: str, reason: str) -> ArgumentError:
    # Error messages end up in logs: they show no secret that was written into a URL.
    shown = _SECRETS.sub(r"\1***", _USER.sub(r"\1***@", text))
    return ArgumentError(f"{shown!r} is no address: {reason}")
