"""A real kernel with its API, both clients of it, and a wire between that can be cut."""

import inspect
import tempfile
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, open_kernel
from gaffer_stats.plugin import plugin as stats_plugin

from gaffer_client import AsyncServer, Server


@asynccontextmanager
async def open_api(*plugins, bind="127.0.0.1:0", ini=""):
    """A kernel with the API; yields it. Its addresses are `kernel.services["http"].addresses`."""
    config = Config.from_string(ini)
    config.options["bind"] = bind
    async with open_kernel(config, plugins=[http_plugin, stats_plugin, *plugins]) as kernel:
        yield kernel


@pytest.fixture
def running_api():
    return open_api


@pytest.fixture
async def kernel():
    async with open_api() as kernel:
        yield kernel


@pytest.fixture
def url(kernel):
    return kernel.services["http"].addresses[0]


@pytest.fixture
def short_path():
    """A folder whose path is short enough for unix sockets, whatever the test is called."""
    with tempfile.TemporaryDirectory(prefix="g") as folder:
        yield Path(folder)


async def do(method, *args, **kwargs):
    """Call a method of either client: awaited, or in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*args, **kwargs)
    call = partial(method, *args, **kwargs)
    return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


@pytest.fixture(params=[Server, AsyncServer])
async def connect(request):
    """Make a client, of either kind: `server = connect(url, token=...)`."""
    made = []

    def make(url, **options):
        made.append(request.param(url, **options))
        return made[-1]

    yield make
    for server in made:
        await do(server.close if isinstance(server, Server) else server.aclose)


@pytest.fixture
def server(connect, url):
    """A client of either kind."""
    return connect(url)


class Feed:
    """Either kind of feed, for a test."""

    def __init__(self, feed):
        self.feed = feed

    async def next(self):
        if hasattr(self.feed, "__anext__"):
            return await anext(self.feed)
        return await do(next, self.feed)

    async def until(self, *events):
        """The next events whose names are these, in order; others are passed over."""
        found = []
        for name in events:
            while (event := await self.next()).event != name:
                pass
            found.append(event)
        return found


@asynccontextmanager
async def opened(make, *args, **kwargs):
    """A feed that a method of either client gives."""
    if isinstance(make.__self__, AsyncServer) or "Async" in type(make.__self__).__name__:
        async with make(*args, **kwargs) as feed:
            yield Feed(feed)
    else:
        feed = await do(make, *args, **kwargs)
        try:
            yield Feed(feed)
        finally:
            await do(feed.close)


class Wire:
    """A port that leads to the API, until it is cut, or shut.

    Attributes:
        url: where it is.
        to: where it leads; None refuses.
        connections: how many there have been.
        heard: what clients have sent.
        said: how many pieces the API has sent.
    """

    def __init__(self, to):
        self.to = to
        self.url = ""
        self.connections = 0
        self.heard = b""
        self.said = 0
        self.frozen = False
        self._scopes = set()

    def cut(self):
        """End all connections, without a word."""
        for scope in self._scopes:
            scope.cancel()

    async def serve(self, task_status):
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._lead, listeners)
            task_status.started()

    async def _lead(self, client):
        self.connections += 1
        if self.to is None:
            await client.aclose()
            return
        host, _, port = self.to.removeprefix("http://").rpartition(":")
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            server = await trio.open_tcp_stream(host, int(port))
            async with client, server, trio.open_nursery() as nursery:
                nursery.start_soon(self._copy, client, server, True, nursery.cancel_scope)
                nursery.start_soon(self._copy, server, client, False, nursery.cancel_scope)
        self._scopes.discard(scope)

    async def _copy(self, source, target, heard, scope):
        try:
            async for data in source:
                if heard:
                    self.heard += data
                else:
                    self.said += 1
                if not self.frozen:
                    await target.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()


@pytest.fixture
async def wire(url, nursery):
    wire = Wire(url)
    await nursery.start(wire.serve)
    return wire


@pytest.fixture
async def answering(nursery):
    """A port that answers everything with these bytes, and closes: `url = await answering(b"")`."""

    async def start(answer, hold=False):
        async def handle(stream):
            async with stream:
                got = b""
                while b"\r\n\r\n" not in got:
                    if not (data := await stream.receive_some()):
                        return
                    got += data
                await stream.send_all(answer)
                if hold:
                    await trio.sleep_forever()

        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        return f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"

    return start
