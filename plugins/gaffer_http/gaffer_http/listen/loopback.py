"""127.0.0.1 and [::1] as a pair, so that no program of another user answers to the name localhost.

Browsers and curl resolve `localhost` to both addresses and try the other one when the first
refuses. A program on the other address could serve a page that counts as one of gaffer's own, or
receive tokens. So a port on one of them is served or held on both.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address

from gaffer_http.listen.address import Address, TcpAddress

LOOPBACKS = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
"""The addresses of `localhost`."""

_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def other_loopback(address: Address) -> TcpAddress | None:
    """Return the other address of `localhost`, on the same port; None for any other address."""
    if not isinstance(address, TcpAddress) or address.ip not in LOOPBACKS:
        return None
    [ip] = (ip for ip in LOOPBACKS if ip != address.ip)
    return TcpAddress(ip, address.port)


def is_served(address: TcpAddress, addresses: Iterable[Address]) -> bool:
    """Return whether listening on some addresses includes this one, also through a wildcard."""
    return any(
        isinstance(each, TcpAddress)
        and each.port == address.port
        and each.ip.version == address.ip.version
        and (each.ip == address.ip or each.ip.is_unspecified)
        for each in addresses
    )


def pair_ports(addresses: Sequence[Address]) -> dict[int, int]:
    """Return the pairs of addresses with port 0 that get the same port, as indices.

    `localhost:0` stands for two that belong together: the result maps the index of the first to
    that of the second. Every other address gets a port of its own.
    """
    pairs: dict[int, int] = {}
    for first, address in enumerate(addresses):
        if getattr(address, "port", None) != 0 or first in pairs.values():
            continue
        other = other_loopback(address)
        for second in range(first + 1, len(addresses)):
            if addresses[second] == other and second not in pairs.values():
                pairs[first] = second
                break
    return pairs


def exists(address: TcpAddress) -> bool:
    """Return whether this machine has a loopback address: IPv6 may be disabled."""
    family = socket.AF_INET6 if address.ip.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((str(address.ip), 0))
    except OSError as error:
        return error.errno not in _NO_SUCH_ADDRESS
    return True


def stop_listening(sock: socket.socket) -> None:
    """Make a listening socket a bound one that still keeps other programs from using the address.

    That it listened first proves that no other socket did. Binding alone does not prove it: with
    SO_REUSEADDR (which a restart needs while old connections are in TIME_WAIT) other sockets can
    bind the same address. Clearing the option while it listens excludes them from then on.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    sock.shutdown(socket.SHUT_RD)
