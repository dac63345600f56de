"""The Host header: the names under which the API may be addressed.

A browser sends the requests of a page to whatever address DNS gives for the page's name, so a
foreign name in Host may mean DNS rebinding. On an endpoint that trusts the user ID, it may also
mean a reverse proxy that passes on the Host of its visitors.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from gaffer_http.listen.auth_mode import AuthMode

_HOST = re.compile(rb"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?::[0-9]{0,5})?")


def is_own_host(host: bytes, mode: AuthMode, names: Collection[str]) -> bool:
    """Return whether a Host header names this API.

    With `owner`, these are `localhost`, loopback addresses and `names`; elsewhere also every
    address, since addresses cannot be rebound, and `*.localhost`.

    Args:
        host: the header's value, with or without a port.
        mode: of the endpoint.
        names: those of `http_hosts`.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = (match["v6"] or match["name"]).decode("ascii").lower().removesuffix(".")
    address = _parse(IPv6Address if match["v6"] else IPv4Address, name)
    if address is not None:
        return address.is_loopback or mode != "owner" or name in names
    if match["v6"]:
        return False
    return name in names or name == "localhost" or (mode != "owner" and name.endswith(".localhost"))


def _parse(
    kind: type[IPv4Address] | type[IPv6Address], text: str
) -> IPv4Address | IPv6Address | None:
    try:
        return kind(text)
    except AddressValueError:
        return None
