"""Protection against server-side request forgery: which addresses a hook must not reach.

A URL that came over the network must not give its author access to the network of gafferd.
"""

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

IPAddress = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")

METADATA = tuple(
    map(
        ip_address,
        (
            *("169.254.169.254", "100.100.100.200", "192.0.0.192"),
            # A public address, but on Azure the host of the virtual machine answers it.
            "168.63.129.16",
            *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
        ),
    )
)
"""Metadata services of clouds, which hand out credentials of the machine."""

_RESERVED: tuple[IPv4Network | IPv6Network, ...] = tuple(
    map(
        ip_network,
        (
            *("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"),
            *("::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "3fff::/20", "5f00::/16"),
            *("fec0::/10",),
        ),
    )
)
"""Reserved ranges, and ranges translated to others, that not every Python version classifies."""


def unwrap(address: IPAddress) -> IPAddress:
    """Return the IPv4 address embedded in an IPv6 address, where there is one.

    Routers and translators would send a packet for the IPv6 address there.
    """
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def get_block_reason(text: str, *, trusted: bool) -> str | None:
    """Return why connecting to an address is blocked, or None if it is allowed.

    Args:
        text: the address as the resolver returns it.
        trusted: whether this machine and private networks are allowed.
    """
    address = unwrap(ip_address(text))
    kind = _get_blocked_kind(address)
    if kind is None and not trusted:
        kind = _get_private_kind(address)
    if kind is None:
        return None
    return f"leads to {text}, {kind} address, which is not allowed here"


def is_own_address(address: IPAddress) -> bool:
    """Whether this machine has an address: services there may be hidden behind a firewall."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _get_blocked_kind(address: IPAddress) -> str | None:
    """Return the kind of an address that is blocked for trusted hooks too, or None."""
    if address in METADATA:
        return "a metadata"
    if address.is_unspecified:
        return "an unspecified"
    if address.is_link_local:
        return "a link-local"
    if address.is_multicast:
        return "a multicast"
    return None


def _get_private_kind(address: IPAddress) -> str | None:
    """Return the kind of an address that is blocked for untrusted hooks, or None."""
    if address.is_loopback:
        return "a loopback"
    if address.is_private:
        return "a private"
    if is_own_address(address):
        return "this machine's own"
    reserved = any(address in net for net in _RESERVED if net.version == address.version)
    if reserved or address.is_reserved or not address.is_global:
        return "a reserved"
    return None
