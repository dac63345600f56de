"""`proxy_protocol = true`: the PROXY header is mandatory and names the client."""

import socket
import struct

import pytest
import trio
from gaffer_kernel import Config, ConfigError
from gaffer_testing import Callers, TokenCaller

from gaffer_http.listen.endpoints import read_endpoints
from gaffer_http.serve import connection
from gaffer_http.serve.peer import Peer
from gaffer_http.serve.places import MAX_UNADMITTED
from gaffer_http.serve.proxy_header import MAX_V2

REQUEST = b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = socket.inet_aton("203.0.113.9") + socket.inet_aton("192.0.2.1")
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") * 2
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:203.0.113.9") * 2
PORTS = struct.pack("!HH", 50000, 443)


def v2(rest, family=0x11, command=0x21, length=None):
    size = len(rest) if length is None else length
    return SIGNATURE + struct.pack("!BBH", command, family, size) + rest


VALID = {
    "v1 TCP4": (b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 443\r\n", "203.0.113.9"),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::9 ::1 50000 443\r\n", "2001:db8::9"),
    "v1 mapped": (b"PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n", "203.0.113.9"),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", None),
    "v1 UNKNOWN and more": (b"PROXY UNKNOWN ff ff 1 2\r\n", None),
    "v2 TCP4": (v2(V4 + PORTS), "203.0.113.9"),
    "v2 TCP6": (v2(V6 + PORTS, 0x21), "2001:db8::9"),
    "v2 mapped": (v2(MAPPED + PORTS, 0x21), "203.0.113.9"),
    "v2 with extensions": (v2(V4 + PORTS + b"\x04\0\x01x" * 50), "203.0.113.9"),
    "v2 LOCAL": (v2(b"", 0, 0x20), None),
    "v2 LOCAL with addresses": (v2(V4 + PORTS, command=0x20), None),
    "v2 UNSPEC": (v2(b"", 0), None),
    "v2 UNIX": (v2(bytes(216), 0x31), None),
}
INVALID = {
    "none": b"",
    "TLS": b"\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03" + bytes(200),
    "v1 lower case": b"proxy TCP4 203.0.113.9 192.0.2.1 50000 443\r\n",
    "v1 without CR": b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 443\n",
    "v1 two spaces": b"PROXY TCP4  203.0.113.9 192.0.2.1 50000 443\r\n",
    "v1 another family": b"PROXY TCP4 2001:db8::9 ::1 50000 443\r\n",
    "v1 no address": b"PROXY TCP4 203.0.113 192.0.2.1 50000 443\r\n",
    "v1 leading zero": b"PROXY TCP4 203.0.113.009 192.0.2.1 50000 443\r\n",
    "v1 large port": b"PROXY TCP4 203.0.113.9 192.0.2.1 65536 443\r\n",
    "v1 odd port": b"PROXY TCP4 203.0.113.9 192.0.2.1 080 443\r\n",
    "v1 more words": b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2 3\r\n",
    "v1 UDP": b"PROXY UDP4 203.0.113.9 192.0.2.1 1 2\r\n",
    "v1 too long": b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n",
    "v2 another version": v2(V4 + PORTS, command=0x11),
    "v2 another command": v2(V4 + PORTS, command=0x22),
    "v2 UDP": v2(V4 + PORTS, 0x12),
    "v2 short": v2(V4),
    "v2 too long": v2(bytes(MAX_V2 + 1)),
    "v2 length too large": v2(b"", length=65535),
    "v2 broken signature": b"\r\n\r\n\0\r\nQUIX\n" + bytes(20),
}


@pytest.fixture
def people():
    return Callers({"good": TokenCaller("manage", "token ci")})


@pytest.fixture
async def api(running_api, people):
    ini = "[endpoint:a]\nbind = 127.0.0.1:0\nproxy_protocol = true"
    async with running_api(people, ini=ini, bind=None) as api:
        yield api


async def exchange(api, *pieces):
    """Return the bytes up to the end of the connection or of the response."""
    stream = await api.connect()
    async with stream:
        for piece in pieces:
            await stream.send_all(piece)
            await trio.lowlevel.checkpoint()
        with trio.fail_after(20):
            return await stream.receive_some()


@pytest.mark.parametrize("header", VALID)
@pytest.mark.parametrize("cut", [False, True], ids=["at once", "byte by byte"])
async def test_client_is_the_address_in_the_proxy_header(api, people, header, cut):
    data, address = VALID[header]
    pieces = [data[at : at + 1] for at in range(len(data))] if cut else []
    answer = await exchange(api, *([*pieces, REQUEST] if cut else [data + REQUEST]))
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    seen = people.seen[-1].peer
    assert (seen == Peer(None, address=address)) if address else (seen.uid is not None)


@pytest.mark.parametrize("header", INVALID)
async def test_invalid_header_is_refused(api, people, header):
    answer = await exchange(api, INVALID[header] + REQUEST)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"expects the PROXY protocol" in answer
    assert not people.seen


async def test_second_header_is_no_request(api, people):
    answer = await exchange(api, VALID["v1 TCP4"][0] * 2 + REQUEST)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert not people.seen


@pytest.mark.parametrize("start", [b"", b"PROXY TCP4 203", SIGNATURE, v2(V4, length=500)])
async def test_connection_with_an_unfinished_header_is_closed(api, monkeypatch, start):
    monkeypatch.setattr(connection, "IDLE_TIMEOUT", 0.2)
    assert await exchange(api, start) == b""


async def test_owner_is_not_identified_by_uid(api):
    request = REQUEST.replace(b"Authorization: Bearer good\r\n", b"")
    for header in VALID.values():
        answer = await exchange(api, header[0] + request)
        assert answer.startswith(b"HTTP/1.1 401 ")


async def test_wrong_tokens_are_counted_by_client_address(api):
    wrong = REQUEST.replace(b"good", b"bad")
    header = b"PROXY TCP4 %b 192.0.2.1 1 2\r\n"
    for _ in range(10):
        answer = await exchange(api, header % b"203.0.113.9" + wrong)
        assert answer.startswith(b"HTTP/1.1 401 ")
    for visitor, status in ((b"203.0.113.9", b"429"), (b"203.0.113.10", b"401")):
        answer = await exchange(api, header % visitor + wrong)
        assert answer.split()[1] == status


def test_proxy_protocol_implies_auth_token():
    ini = "[endpoint:a]\nproxy_protocol = true"
    [endpoint] = read_endpoints(Config.from_string(ini))
    assert (endpoint.auth, endpoint.auth_note) == ("token", "tokens only")
    with pytest.raises(ConfigError, match="owner cannot be combined with proxy_protocol"):
        read_endpoints(Config.from_string(f"{ini}\nauth = owner"))


async def test_connections_are_counted_by_client_address(api):
    """One client takes all places of a peer, without an effect on other clients."""
    streams = []
    header = b"PROXY TCP4 %b 192.0.2.1 1 2\r\n"
    try:
        for _ in range(3 * MAX_UNADMITTED):
            streams.append(await api.connect())
            await streams[-1].send_all(header % b"203.0.113.9" + REQUEST[:20])
        answer = await exchange(api, header % b"203.0.113.10" + REQUEST)
        assert answer.startswith(b"HTTP/1.1 200 ")
    finally:
        for stream in streams:
            await trio.aclose_forcefully(stream)
