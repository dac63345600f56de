"""The addresses of endpoints: `host:port`, `[v6]:port` or `unix:/path`, parsed and checked."""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

FORMS = "host:port, [v6]:port or unix:/path"

_TCP = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
_MAX_UNIX_PATH = 107
"""Bytes; the limit of `sun_path` in unix(7)."""


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A unix socket in the file system."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A numeric address of this machine, and a port; port 0 is any free one."""

    ip: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if self.ip.version == 6 else f"{self.ip}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        # An IPv4-mapped address does not count: our sockets are IPV6_V6ONLY and could not bind it.
        mapped = isinstance(self.ip, IPv6Address) and self.ip.ipv4_mapped is not None
        return self.ip.is_loopback and not mapped


Address = TcpAddress | UnixAddress


def parse_addresses(text: str) -> list[Address]:
    """Parse one address. A host name stands for those of its addresses that this machine has.

    Blocks while a host name is looked up.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if text.startswith("unix:"):
        return [_unix(text.removeprefix("unix:"))]
    match = _TCP.fullmatch(text)
    if match is None:
        raise ValueError(f"must be {FORMS}, not {text!r}")
    port = int(match["port"])
    if port > 65535:
        raise ValueError(f"there is no port {port}, the last one is 65535")
    if match["v6"] is not None:
        return [TcpAddress(_ipv6(match["v6"]), port)]
    return [TcpAddress(ip, port) for ip in _resolve(match["host"])]


def _unix(path: str) -> UnixAddress:
    # Not relative: gafferd may change its working directory.
    if not path.startswith("/"):
        raise ValueError(f"the path of a unix socket must begin with /, not {path!r}")
    if len(path.encode()) > _MAX_UNIX_PATH:
        raise ValueError(f"the path of a unix socket has at most {_MAX_UNIX_PATH} bytes")
    return UnixAddress(Path(path))


def _ipv6(text: str) -> IPv6Address:
    try:
        return IPv6Address(text)
    except ValueError:
        raise ValueError(f"[{text}] is not an IPv6 address") from None


def _resolve(host: str) -> list[IPv4Address | IPv6Address]:
    try:
        return [IPv4Address(host)]
    except ValueError:
        pass  # It is a name.
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ValueError(f"the host {host!r} has no address") from None
    # The name localhost often stands for ::1 also where IPv6 is disabled.
    ours = [sockaddr[0] for family, *_, sockaddr in found if _is_ours(family, sockaddr)]
    if not ours:
        raise ValueError(f"the host {host!r} is not this machine")
    # A dictionary removes duplicates and keeps the order.
    return list(dict.fromkeys(ip_address(ip) for ip in ours))


def _is_ours(family: int, sockaddr: tuple[Any, ...]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(sockaddr)
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True
