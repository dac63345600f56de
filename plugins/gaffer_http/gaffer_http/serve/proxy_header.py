"""The PROXY protocol, versions 1 and 2: the header in which a proxy names its client's address.

See https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt. The header is read byte by byte or
in exact pieces, so that nothing of the following data is consumed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address

from gaffer_http.errors import JSON, error_from_status

MAX_V1 = 107
"""Bytes of a header of version 1, with its end, according to the specification."""

MAX_V2 = 1024
"""Bytes after the first 16 of a header of version 2: the addresses, and extensions to skip."""

_SHORTEST = len(b"PROXY UNKNOWN\r\n")
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = struct.Struct("!12xBBH")
_V1 = re.compile(
    rb"PROXY (?:UNKNOWN(?: [\x20-\x7e]*)?|TCP(?P<kind>[46]) (?P<source>[0-9A-Fa-f:.]{2,39})"
    rb" (?P<target>[0-9A-Fa-f:.]{2,39}) (?P<ports>(?:0|[1-9][0-9]{0,4}) (?:0|[1-9][0-9]{0,4})))\r\n"
)
_LOCAL, _PROXIED = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_SIZES = {_UNSPECIFIED: 0, _TCP4: 12, _TCP6: 36, _UNIX: 216}

_ERROR = error_from_status(400, "this endpoint expects the PROXY protocol: proxy_protocol = true")
NO_HEADER_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"Content-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
) % (JSON.encode(), len(_ERROR.body), _ERROR.body)
"""For clients without the header; it explains a wrong configuration of the proxy."""

Receive = Callable[[int], Awaitable[bytes]]
Address = IPv4Address | IPv6Address


class ProxyHeaderError(Exception):
    """A connection does not begin with a valid header."""


async def read_proxy_header(receive: Receive) -> Address | None:
    """Read a header and return the address of the visitor.

    Args:
        receive: returns at most so many bytes, and none at the end; the caller limits its wait.

    Returns:
        None if the proxy connects for itself, as in health checks, or names no address.

    Raises:
        ProxyHeaderError: there is no valid header.
    """
    start = await _exactly(receive, _SHORTEST)
    if start.startswith(_SIGNATURE):
        return await _read_v2(receive, start)
    if start.startswith(b"PROXY "):
        return await _read_v1(receive, start)
    raise ProxyHeaderError("no header of the PROXY protocol")


async def _read_v1(receive: Receive, line: bytes) -> Address | None:
    while not line.endswith(b"\n"):
        if len(line) == MAX_V1:
            raise ProxyHeaderError(f"a header of version 1 has more than {MAX_V1} bytes")
        line += await _exactly(receive, 1)
    match = _V1.fullmatch(line)
    if match is None:
        raise ProxyHeaderError("an invalid header of version 1")
    if match["kind"] is None:
        return None
    kind = IPv4Address if match["kind"] == b"4" else IPv6Address
    try:
        source, _ = (kind(match[name].decode()) for name in ("source", "target"))
    except ValueError as error:
        raise ProxyHeaderError(f"an invalid address: {error}") from None
    if any(int(port) > 65535 for port in match["ports"].split()):
        raise ProxyHeaderError("an invalid port")
    return _plain(source)


async def _read_v2(receive: Receive, start: bytes) -> Address | None:
    start += await _exactly(receive, _FIXED.size - len(start))
    command, family, length = _FIXED.unpack(start)
    if command not in (_LOCAL, _PROXIED):
        raise ProxyHeaderError(f"an unknown version or command {command:#04x}")
    if length > MAX_V2:
        raise ProxyHeaderError(f"a header of version 2 has more than {MAX_V2} bytes")
    rest = await _exactly(receive, length)
    if command == _LOCAL:
        return None
    size = _SIZES.get(family)
    if size is None or length < size:
        raise ProxyHeaderError(f"an unknown or short kind of address {family:#04x}")
    if family == _TCP4:
        return IPv4Address(rest[:4])
    if family == _TCP6:
        return _plain(IPv6Address(rest[:16]))
    return None


def _plain(address: Address) -> Address:
    """Return an IPv4-mapped IPv6 address as IPv4, so that it is always counted as the same."""
    return getattr(address, "ipv4_mapped", None) or address


async def _exactly(receive: Receive, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await receive(size - len(data))
        if not more:
            raise ProxyHeaderError("the connection ended within its header")
        data += more
    return data
