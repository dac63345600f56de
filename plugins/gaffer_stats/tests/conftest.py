"""Fixtures: jobs in two sessions under the HTTP API, and clients with tokens."""

import json
from contextlib import asynccontextmanager

import h11
import pytest
import trio
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, JobConfig, open_kernel
from gaffer_testing import Callers
from httpx2 import AsyncClient

from gaffer_stats.plugin import plugin as stats_plugin


@pytest.fixture
async def kernel(monkeypatch):
    """Run a kernel with a short interval: these tests do not depend on its length."""
    monkeypatch.setattr("gaffer_stats.service.INTERVAL", 0.02)
    config = Config()
    config.options["bind"] = "127.0.0.1:0"
    plugins = [http_plugin, stats_plugin, Callers()]
    async with open_kernel(config, plugins=plugins) as kernel:
        jobs = [
            kernel.manager.load(JobConfig(name="nap", cmd="sleep 60", numprocesses=2)),
            kernel.manager.load(JobConfig(name="web", cmd="sleep 61"), "shop"),
            kernel.manager.load(JobConfig(name="idle", cmd="sleep 62"), start=False),
        ]
        for job in jobs:
            await job.settled()
        yield kernel


@pytest.fixture
async def client(kernel):
    """A client of the API: the owner, unless a request has a token."""
    async with AsyncClient(base_url=kernel.services["http"].addresses[0]) as client:
        yield client


@pytest.fixture
def ask(client):
    async def ask(path, **headers):
        answer = await client.get(path, headers=headers)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        return answer.status_code, json.loads(answer.content)

    return ask


class Lines:
    """An asynchronous iterator over the lines of a response body, to its end."""

    def __init__(self, body):
        self._body = body
        self._got = b""

    def __aiter__(self):
        return self

    async def __anext__(self):
        while b"\n" not in self._got:
            more = await self._body.receive_some()
            if not more:
                raise StopAsyncIteration
            self._got += more
        line, _, self._got = self._got.partition(b"\n")
        return line.decode().rstrip("\r")


class Response:
    """A response to one GET, parsed by h11 from a trio stream."""

    def __init__(self, stream):
        self._stream = stream
        self._connection = h11.Connection(h11.CLIENT)

    async def get(self, path, headers):
        """Send the request; return the head of the response."""
        target = h11.Request(method="GET", target=path, headers=headers)
        await self._stream.send_all(self._connection.send(target))
        await self._stream.send_all(self._connection.send(h11.EndOfMessage()))
        return await self._next_event()

    async def receive_some(self):
        """Return the next bytes of the body; nothing at its end."""
        event = await self._next_event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def _next_event(self):
        while (event := self._connection.next_event()) is h11.NEED_DATA:
            self._connection.receive_data(await self._stream.receive_some())
        return event


@pytest.fixture
def follow(kernel):
    """`async with follow(path) as lines`: iterate over the lines of a streaming response."""
    port = int(kernel.services["http"].addresses[0].rpartition(":")[2])

    @asynccontextmanager
    async def follow(path, media=None, **headers):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            response = Response(stream)
            head = await response.get(path, [("Host", "localhost"), *headers.items()])
            assert head.status_code == 200
            assert media in (None, dict(head.headers)[b"content-type"].decode())
            yield Lines(response)

    return follow
