"""Ports that programs can bind."""

import socket

from gaffer_testing import ports
from gaffer_testing.ports import find_free_ports


def test_found_ports_can_be_bound():
    first = find_free_ports(10)
    assert first % 10 == 0
    for port in range(first, first + 10):
        socket.create_server(("127.0.0.1", port)).close()


def test_used_ports_are_left_out(monkeypatch):
    with socket.create_server(("127.0.0.1", find_free_ports())) as server:
        used = server.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST", used - 1)
        monkeypatch.setattr(ports, "LAST", used + 100)
        assert all(find_free_ports() != used for _ in range(200))
