"""Addresses of gafferd: URLs and paths of unix sockets."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from gaffer_client.errors import ArgumentError

DEFAULT = "http://127.0.0.1:5000"
"""The address of a gafferd without a `bind` setting."""

_PORTS = {"http": 80, "https": 443}
_SOCKETS = ("unix", "http+unix", "https+unix")

_USER = re.compile(r"(\A(?:[\w+]*://)?).*@", re.DOTALL)
_SECRETS = re.compile(r"((?:[?&#][^=&#]*=|gfr_))[^&#\s]*")


class Address(NamedTuple):
    """One address of gafferd.

    Attributes:
        text: the address as it was given; errors show it.
        secure: whether connections use TLS.
        host: a name or an IP address, without brackets.
        port: the TCP port.
        prefix: the first part of every path, behind a proxy.
        socket: the path of the unix socket; None over TCP.
    """

    text: str
    secure: bool
    host: str
    port: int
    prefix: str = ""
    socket: str | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse `http://host:port`, `https://host:port`, `unix:/path`, or `http+unix:/path`.

        Raises:
            ArgumentError: the text is not an address.
        """
        scheme, colon, rest = text.partition(":")
        if colon and scheme in _SOCKETS:
            return cls._from_socket(text, scheme, rest)
        if not colon or scheme not in _PORTS:
            raise _make_error(text, "it must begin with http://, https:// or unix:/")
        try:
            url = urlsplit(text)
            port = url.port
        except ValueError as error:
            # The error quotes the port, which can be part of a password if the text contains an @.
            reason = "write https://host:port" if "@" in text else str(error).lower()
            raise _make_error(text, reason) from None
        if not url.hostname or not text.isprintable() or " " in text:
            raise _make_error(text, "it has no host")
        if url.username is not None:
            raise _make_error(text, "it contains a user name or password: give a token instead")
        if url.query or url.fragment:
            raise _make_error(text, "it must end with the port or a path")
        if port is None:
            port = _PORTS[scheme]
        return cls(text, scheme == "https", url.hostname, port, url.path.rstrip("/"))

    @classmethod
    def _from_socket(cls, text: str, scheme: str, path: str) -> Address:
        path = path.removeprefix("//")
        if not path or "\0" in path:
            raise _make_error(text, "it has no path of a socket")
        secure = scheme.startswith("https")
        return cls(text, secure, "localhost", _PORTS["https" if secure else "http"], socket=path)

    @property
    def base(self) -> str:
        """The URL to which paths are appended; for a unix socket, its host is a placeholder."""
        scheme = "https" if self.secure else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[scheme] else f":{self.port}"
        return f"{scheme}://{host}{port}{self.prefix}"


def _make_error(text: str, reason: str) -> ArgumentError:
    # Error messages are logged, so they must not contain secrets that are part of the URL.
    shown = _SECRETS.sub(r"\1***", _USER.sub(r"\1***@", text))
    return ArgumentError(f"{shown!r} is not an address: {reason}")
