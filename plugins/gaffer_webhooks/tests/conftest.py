"""Fixtures: receivers of webhooks on this machine, and kernels that post to them."""

import json
import socket
from contextlib import asynccontextmanager

import h11
import pytest
import trio
from gaffer_kernel import Config, JobConfig, open_kernel

from gaffer_webhooks.plugin import plugin as webhooks_plugin

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLTKQ"


class Message:
    """One request that was received."""

    def __init__(self, request, body):
        self.method = request.method.decode()
        self.target = request.target.decode()
        self.headers = {name.decode(): value.decode() for name, value in request.headers}
        self.body = body

    @property
    def event(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.headers["webhook-id"]


class Receiver:
    """An HTTP server on a port of its own that records requests while it is `up`.

    Attributes:
        answers: statuses of the next responses; 204 when none is left.
        headers: additional headers of every response.
        body: the body of every response.
        hangs: whether it sends no response.
        connections: the number of connections.
    """

    def __init__(self, ssl_context=None):
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            self.port = reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.got = []
        self.connections = 0
        self.answers = []
        self.headers = []
        self.body = b""
        self.hangs = False
        self._ssl_context = ssl_context

    @asynccontextmanager
    async def up(self):
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
            if self._ssl_context is not None:
                listeners = [trio.SSLListener(each, self._ssl_context) for each in listeners]
            await nursery.start(trio.serve_listeners, self._serve, listeners)
            yield self
            nursery.cancel_scope.cancel()

    async def _serve(self, stream):
        self.connections += 1
        connection = h11.Connection(h11.SERVER)
        try:
            async with stream:
                while await self._exchange(stream, connection):
                    connection.start_next_cycle()
        except (trio.BrokenResourceError, h11.ProtocolError):
            pass  # The client closed the connection.

    async def _exchange(self, stream, connection):
        request, body = None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        self.got.append(Message(request, body))
        if self.hangs:
            await trio.sleep_forever()
        status = self.answers.pop(0) if self.answers else 204
        content = b"" if status == 204 else self.body
        length = [] if status == 204 else [("content-length", str(len(content)))]
        response = h11.Response(status_code=status, headers=[*length, *self.headers])
        for part in (response, h11.Data(data=content), h11.EndOfMessage()):
            await stream.send_all(connection.send(part))
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE

    def events(self):
        return [message.event["event"] for message in self.got]

    def numbers(self):
        return [message.event["seq"] for message in self.got]


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def posting(state):
    """`async with posting(lines) as kernel`: run a kernel with these lines in its section."""

    @asynccontextmanager
    async def posting(lines="", *plugins, options=()):
        config = Config.from_string(f"[webhooks]\nstate = {state}\n{lines}\n")
        config.options.update(options)
        async with open_kernel(config, plugins=[*plugins, webhooks_plugin]) as kernel:
            yield kernel

    return posting


def publish(kernel, count, event="tick", **data):
    """Publish events; return their numbers."""
    return [kernel.events.publish(event, name="test", **data).seq for _ in range(count)]


async def start_job(kernel):
    """Load a job and wait until it has started."""
    job = kernel.manager.load(JobConfig(name="nap", cmd="sleep 60"))
    await job.settled()
    return job


@pytest.fixture
def fast(monkeypatch):
    """Make retries follow each other quickly."""
    monkeypatch.setattr("gaffer_webhooks.retry.FIRST_DELAY", 0.01)
    monkeypatch.setattr("gaffer_webhooks.retry.MAX_DELAY", 0.05)
