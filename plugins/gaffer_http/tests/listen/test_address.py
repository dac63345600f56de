"""Addresses in all forms that users write."""

import socket

import pytest

from gaffer_http.listen.address import parse_addresses


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("127.0.0.2:0", "127.0.0.2:0"),
        ("[::1]:5000", "[::1]:5000"),
        ("[0:0::1]:80", "[::1]:80"),
        ("0.0.0.0:65535", "0.0.0.0:65535"),
        ("unix:/run/gaffer.sock", "unix:/run/gaffer.sock"),
    ],
)
def test_valid_addresses_are_parsed(text, shown):
    assert [str(address) for address in parse_addresses(text)] == [shown]


@pytest.mark.parametrize(
    "text",
    [
        *("5000", ":5000", "localhost", "::1:5000", "[::1]", "[::1:5000", "a:b", "127.0.0.1:"),
        *("127.0.0.1:65536", "127.0.0.1:123456", "[nonsense]:1", "http://localhost:1"),
        *("unix:x", "unix:", "unix:/" + "x" * 107, "host.invalid:80", "a" * 300 + ":80"),
    ],
)
def test_invalid_addresses_are_refused_with_a_reason(text):
    with pytest.raises(ValueError, match=r"must|no port|not an IPv6|no address|at most"):
        parse_addresses(text)


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("127.0.0.1:1", True),
        ("127.255.0.9:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("[::ffff:127.0.0.1]:1", False),
    ],
)
def test_loopback_addresses_are_recognized(text, private):
    [address] = parse_addresses(text)
    assert address.is_loopback is private


@pytest.fixture
def box(monkeypatch):
    """Make the host name `box` resolve to given addresses."""

    def give(*ips):
        def lookup(host, port, **options):
            assert host == "box"
            families = {True: socket.AF_INET6, False: socket.AF_INET}
            return [(families[":" in ip], socket.SOCK_STREAM, 6, "", (ip, 0)) for ip in ips]

        monkeypatch.setattr(socket, "getaddrinfo", lookup)

    return give


def resolved():
    return [str(address) for address in parse_addresses("box:80")]


def test_host_name_resolves_to_distinct_addresses(box):
    box("127.0.0.1", "127.0.0.1", "0.0.0.0")
    assert resolved() == ["127.0.0.1:80", "0.0.0.0:80"]


def test_host_name_uses_only_addresses_of_this_machine(box):
    box("::2", "127.0.0.1", "192.0.2.1")
    assert resolved() == ["127.0.0.1:80"]


def test_name_of_another_machine_is_refused(box):
    box("192.0.2.1")
    with pytest.raises(ValueError, match="not this machine"):
        resolved()
