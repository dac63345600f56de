"""Clients whose machine or network is gone, without a word."""

import pytest
import trio
from gaffer_testing.slow_reader import TEXT, frame, open_slow_reader

from gaffer_http.listen import sockets

WITHIN = 15.0
"""Seconds that are waited for the system; it is told to take two."""


@pytest.fixture
def impatient(monkeypatch):
    """The system is to ask sooner than it does: in as few seconds as it can."""
    monkeypatch.setattr(sockets, "KEEPALIVE_IDLE", 1)
    monkeypatch.setattr(sockets, "KEEPALIVE_INTERVAL", 1)
    monkeypatch.setattr(sockets, "USER_TIMEOUT_MS", 2000)


async def listen_only(scope, receive, send):
    """Accept a websocket and say nothing."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def test_a_quiet_websocket_whose_client_is_gone_is_given_up(serve, impatient):
    served = await serve(listen_only)
    async with open_slow_reader(served.url, "/") as client:
        client.drop_incoming()
        with trio.fail_after(WITHIN):
            while served.server._connections:
                await trio.sleep(0.05)


async def test_a_quiet_websocket_whose_client_is_there_stays(serve, impatient):
    served = await serve(listen_only)
    async with (
        open_slow_reader(served.url, "/") as client,
        open_slow_reader(served.url, "/") as lost,
    ):
        lost.drop_incoming()
        with trio.fail_after(WITHIN):
            while len(served.server._connections) > 1:
                await trio.sleep(0.05)
        # As old, and as quiet, as the one that is gone.
        assert client.socket.send(frame(TEXT, b"hello"))
