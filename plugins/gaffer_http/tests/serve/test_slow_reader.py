"""The end of websockets of clients that send and never read."""

import logging

import pytest
import trio
from gaffer_kernel import hookimpl
from gaffer_testing import Callers, TokenCaller
from gaffer_testing.slow_reader import PING, TEXT, open_slow_reader
from quart import Blueprint, websocket

from ..channel_client import shell

SOON = 45.0
"""Seconds; README says 5, and a busy machine may need more."""


@pytest.fixture(autouse=True)
def no_other_reason(monkeypatch):
    """Leave the connections of clients that do not read open, until something else closes them."""
    monkeypatch.setattr("gaffer_http.serve.transport.SEND_TIMEOUT", 1000.0)
    monkeypatch.setattr("gaffer_http.serve.connection.IDLE_TIMEOUT", 1000.0)


@pytest.fixture
async def people():
    return Callers({"good": TokenCaller("manage", "token ci")})


@pytest.mark.parametrize("kind", [TEXT, PING])
async def test_slow_reader_is_disconnected_when_revoked(running_api, people, kind):
    async with (
        running_api(people) as api,
        open_slow_reader(api.urls[0], "/channel", "good") as client,
    ):
        await client.flood(kind)
        people.known["good"].revoke()
        await client.wait_closed(SOON)


async def test_output_does_not_delay_the_disconnection_of_a_revoked_caller(running_api, people):
    async with running_api(people) as api:
        process = await shell(api, "yes")
        async with open_slow_reader(api.urls[0], f"/wstreams/{process.pid}", "good") as client:
            await client.flood(PING)
            people.known["good"].revoke()
            await client.wait_closed(SOON)


class Echo:
    """A plugin with a websocket that echoes all messages until `enough` is set."""

    name = "echo"

    def __init__(self):
        self.enough = trio.Event()

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        routes = Blueprint("echo", __name__)

        @routes.websocket("/repeat")
        async def repeat():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end, nursery, kernel)
                while True:
                    await websocket.send(await websocket.receive())
            await websocket.close(4000)

        return routes

    async def _end(self, nursery, kernel):
        await self.enough.wait()
        kernel.services["http"].abort_slow_websocket()
        nursery.cancel_scope.cancel()


async def test_view_of_a_plugin_that_aborts_slow_websockets_ends(running_api):
    echo = Echo()
    async with running_api(echo) as api, open_slow_reader(api.urls[0], "/repeat") as client:
        await client.flood(TEXT)
        echo.enough.set()
        await client.wait_closed(SOON)


async def test_websockets_of_a_closed_plugin_end(running_api, caplog):
    caplog.set_level(logging.ERROR)
    async with running_api(Echo()) as api, open_slow_reader(api.urls[0], "/repeat") as client:
        await client.flood(TEXT)
        await api.kernel.plugins.close("echo")
        await client.wait_closed(SOON)
    assert not caplog.messages


async def test_websocket_that_is_not_read_for_too_long_is_disconnected(running_api, monkeypatch):
    monkeypatch.setattr("gaffer_http.serve.transport.SEND_TIMEOUT", 1.0)
    async with running_api() as api, open_slow_reader(api.urls[0], "/channel") as client:
        await client.flood(TEXT)
        await client.wait_closed(SOON)


async def pour(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})


async def test_half_closed_slow_reader_is_disconnected(serve):
    served = await serve(pour)
    async with await served.connect() as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await stream.receive_some(1)
        await trio.testing.wait_all_tasks_blocked(0.05)
        await stream.send_eof()
        with trio.fail_after(SOON):
            while served.server._connections:
                await trio.sleep(0.01)
