"""Which addresses a hook may reach: a URL that came over the network must not open the network
behind gafferd to its author."""

from __future__ import annotations

import socket
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")

METADATA = tuple(
    map(
        ip_address,
        (
            *("169.254.169.254", "100.100.100.200", "192.0.0.192"),
            # Public by its number, and yet answered by the host of a machine on Azure.
            "168.63.129.16",
            *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
        ),
    )
)
"""Where clouds tell a machine its credentials."""

_SPECIAL: tuple[IPv4Network | IPv6Network, ...] = tuple(
    map(
        ip_network,
        (
            *("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"),
            *("::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "3fff::/20", "5f00::/16"),
            *("fec0::/10",),
        ),
    )
)
"""Reserved ranges, or doors to others, that not every Python counts as such."""


def unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where there is one: routers would send it there."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def refusal(text: str, *, trusted: bool) -> str | None:
    """Why an address must not be connected to; None when it may.

    Args:
        text: of an address, as the resolver gives it.
        trusted: whether this machine and private networks are allowed.
    """
    address = unwrapped(ip_address(text))
    kind = _never(address)
    if kind is None and not trusted:
        kind = _private(address)
    if kind is None:
        return None
    return f"leads to {text}, {kind} address, which is not allowed here"


def is_ours(address: Address) -> bool:
    """Whether an address is one of this machine: a firewall may hide from others what is there."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _never(address: Address) -> str | None:
    if address in METADATA:
        return "a metadata"
    if address.is_unspecified:
        return "an unspecified"
    if address.is_link_local:
        return "a link-local"
    if address.is_multicast:
        return "a multicast"
    return None


def _private(address: Address) -> str | None:
    if address.is_loopback:
        return "a loopback"
    if address.is_private:
        return "a private"
    if is_ours(address):
        return "this machine's own"
    special = any(address in net for net in _SPECIAL if net.version == address.version)
    if special or address.is_reserved or not address.is_global:
        return "a reserved"
    return None
