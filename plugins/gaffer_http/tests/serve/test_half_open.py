"""Half-open connections, whose client lost its machine or network."""

import pytest
import trio
from gaffer_testing.slow_reader import TEXT, frame, open_slow_reader

from gaffer_http.listen import sockets

WITHIN = 15.0
"""Seconds to wait for the system, whose TCP_USER_TIMEOUT is two."""


@pytest.fixture
def impatient(monkeypatch):
    """Set the shortest keepalive times of the system."""
    monkeypatch.setattr(sockets, "KEEPALIVE_IDLE", 1)
    monkeypatch.setattr(sockets, "KEEPALIVE_INTERVAL", 1)
    monkeypatch.setattr(sockets, "USER_TIMEOUT_MS", 2000)


async def listen_only(scope, receive, send):
    """Accept a websocket and send nothing."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


@pytest.mark.root
async def test_idle_websocket_of_a_lost_client_is_closed(serve, impatient):
    served = await serve(listen_only)
    async with open_slow_reader(served.url, "/") as client:
        client.drop_incoming()
        with trio.fail_after(WITHIN):
            while served.server._connections:
                await trio.sleep(0.05)


@pytest.mark.root
async def test_idle_websocket_of_a_live_client_stays_open(serve, impatient):
    served = await serve(listen_only)
    async with (
        open_slow_reader(served.url, "/") as client,
        open_slow_reader(served.url, "/") as lost,
    ):
        lost.drop_incoming()
        with trio.fail_after(WITHIN):
            while len(served.server._connections) > 1:
                await trio.sleep(0.05)
        # It is as old and as idle as the lost one.
        assert client.socket.send(frame(TEXT, b"hello"))
