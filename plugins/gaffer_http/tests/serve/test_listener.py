"""Accepting many concurrent connections."""

import resource
import socket
from contextlib import ExitStack

import pytest
import trio
from gaffer_testing.latency_probe import run_latency_probe

from gaffer_http.serve.listener import MAX_AT_ONCE, Listener


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0), backlog=3 * MAX_AT_ONCE) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture
def clients(listening):
    """Open a number of connections, one after the other."""
    with ExitStack() as stack:

        def connect(number):
            address = listening.getsockname()
            return [stack.enter_context(socket.create_connection(address)) for _ in range(number)]

        yield connect


async def test_listener_accepts_many_connections_in_each_turn(listening, clients):
    connected = clients(2 * MAX_AT_ONCE)
    async with Listener(listening) as listener, run_latency_probe() as others:
        accepted = [await listener.accept() for _ in connected]
    names = [stream.socket.getpeername() for stream in accepted]
    assert names == [client.getsockname() for client in connected]
    assert others.turns < MAX_AT_ONCE / 4
    for stream in accepted:
        stream.socket.close()


async def test_accepted_connections_that_are_not_served_are_closed(listening, clients):
    first, second = clients(2)
    listener = Listener(listening)
    stream = await listener.accept()
    await listener.aclose()
    second.settimeout(10)
    assert second.recv(1) == b""
    stream.socket.close()
    assert first.recv(1) == b""
    with pytest.raises(trio.ClosedResourceError):
        await listener.accept()


async def test_shortage_of_descriptors_delays_accepts_and_is_logged_once(
    listening, clients, caplog
):
    connected = clients(1)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with Listener(listening) as listener:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            with trio.move_on_after(0.3) as waited:
                await listener.accept()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert waited.cancelled_caught
        stream = await listener.accept()
    assert stream.socket.getpeername() == connected[0].getsockname()
    stream.socket.close()
    assert caplog.text.count("connections have to wait: Too many open files") == 1
