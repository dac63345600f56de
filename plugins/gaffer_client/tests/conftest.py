"""Fixtures: a kernel with its API, both halves of the client, and a proxy that can be cut."""

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
from gaffer_testing.ticks import TICKS

from gaffer_client import AsyncServer, Server


@asynccontextmanager
async def open_api(*plugins, bind="127.0.0.1:0", ini=""):
    """Open a kernel with the API; its addresses are `kernel.services["http"].addresses`."""
    config = Config.from_string(ini)
    config.options["bind"] = bind
    async with open_kernel(config, plugins=[http_plugin, stats_plugin, TICKS, *plugins]) as kernel:
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
    """A folder whose path is short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="g") as folder:
        yield Path(folder)


async def do(method, *args, **kwargs):
    """Call a method of either half of the client: await it, or run it in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*args, **kwargs)
    call = partial(method, *args, **kwargs)
    return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


@pytest.fixture(params=[Server, AsyncServer])
async def connect(request):
    """Create a client of either half: `server = connect(url, token=...)`."""
    made = []

    def make(url, **options):
        made.append(request.param(url, **options))
        return made[-1]

    yield make
    for server in made:
        await do(server.close if isinstance(server, Server) else server.aclose)


@pytest.fixture
def server(connect, url):
    """A client of either half."""
    return connect(url)


class Feed:
    """A feed of either half, with awaitable methods."""

    def __init__(self, feed):
        self.feed = feed

    async def next(self):
        if hasattr(self.feed, "__anext__"):
            return await anext(self.feed)
        return await do(next, self.feed)

    async def until(self, *events):
        """Return the next events with these names, in order, and skip others."""
        found = []
        for name in events:
            while (event := await self.next()).event != name:
                pass
            found.append(event)
        return found


@asynccontextmanager
async def opened(make, *args, **kwargs):
    """Open a feed of either half of the client."""
    if isinstance(make.__self__, AsyncServer) or "Async" in type(make.__self__).__name__:
        async with make(*args, **kwargs) as feed:
            yield Feed(feed)
    else:
        feed = await do(make, *args, **kwargs)
        try:
            yield Feed(feed)
        finally:
            await do(feed.close)


class Proxy:
    """A TCP proxy to the API whose connections can be cut, frozen or refused.

    Attributes:
        url: its URL.
        target: the URL of the API; None refuses connections.
        connections: the number of connections so far.
        received: the bytes that clients have sent.
        chunks: the number of chunks that the API has sent.
        frozen: whether data is dropped instead of forwarded.
    """

    def __init__(self, target):
        self.target = target
        self.url = ""
        self.connections = 0
        self.received = b""
        self.chunks = 0
        self.frozen = False
        self._scopes = set()

    def cut(self):
        """Close all connections without a close frame or response."""
        for scope in self._scopes:
            scope.cancel()

    async def serve(self, task_status):
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._forward, listeners)
            task_status.started()

    async def _forward(self, client):
        self.connections += 1
        if self.target is None:
            await client.aclose()
            return
        host, _, port = self.target.removeprefix("http://").rpartition(":")
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            server = await trio.open_tcp_stream(host, int(port))
            async with client, server, trio.open_nursery() as nursery:
                nursery.start_soon(self._copy, client, server, True, nursery.cancel_scope)
                nursery.start_soon(self._copy, server, client, False, nursery.cancel_scope)
        self._scopes.discard(scope)

    async def _copy(self, source, target, is_request, scope):
        try:
            async for data in source:
                if is_request:
                    self.received += data
                else:
                    self.chunks += 1
                if not self.frozen:
                    await target.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()


@pytest.fixture
async def proxy(url, nursery):
    proxy = Proxy(url)
    await nursery.start(proxy.serve)
    return proxy


@pytest.fixture
async def answering(nursery):
    """Start a server that answers each request with fixed bytes: `url = await answering(b"")`."""

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
