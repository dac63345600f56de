"""Receivers of webhooks on this machine, and kernels that post to them."""

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
    """One POST."""

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
    """Takes what is posted to a port of its own, while it is `up`.

    Attributes:
        answers: statuses for the next messages; 204 when there are none left.
        headers: of every answer.
        answer: the body of every answer.
        hangs: whether it answers nothing at all.
        connections: how many there were.
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
        self.answer = b""
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
            pass  # The other side has had enough.

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
        answer = b"" if status == 204 else self.answer
        length = [] if status == 204 else [("content-length", str(len(answer)))]
        response = h11.Response(status_code=status, headers=[*length, *self.headers])
        for part in (response, h11.Data(data=answer), h11.EndOfMessage()):
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
    """`async with posting(lines) as kernel`: a kernel with these lines in its section."""

    @asynccontextmanager
    async def posting(lines="", *plugins, options=()):
        config = Config.from_string(f"[webhooks]\nstate = {state}\n{lines}\n")
        config.options.update(options)
        async with open_kernel(config, plugins=[*plugins, webhooks_plugin]) as kernel:
            yield kernel

    return posting


def happen(kernel, count, event="tick", **data):
    """Have events happen: their numbers."""
    return [kernel.events.publish(event, name="test", **data).seq for _ in range(count)]


async def run_once(kernel):
    """A job that has started."""
    job = kernel.manager.load(JobConfig(name="nap", cmd="sleep 60"))
    await job.settled()
    return job


@pytest.fixture
def fast(monkeypatch):
    """Tries follow each other quickly."""
    monkeypatch.setattr("gaffer_webhooks.retry.FIRST_DELAY", 0.01)
    monkeypatch.setattr("gaffer_webhooks.retry.MAX_DELAY", 0.05)
