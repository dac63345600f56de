"""A lookupd in this process, scripted nodes, and observers."""

import json
from contextlib import asynccontextmanager
from itertools import count

import httpx2
import pytest
import trio
from gaffer_http import HttpHandler
from gaffer_kernel import Config, open_kernel
from gaffer_testing import Callers, TokenCaller
from trio_websocket import ConnectionClosed, wrap_client_stream

from gaffer_lookup.lookupd.plugin import Lookupd


def make_callers():
    """Make a plugin with the tokens `reader`, `web1` and `web2`; the latter two may write."""
    rights = {"web1": "write", "web2": "write", "reader": "read"}
    return Callers({name: TokenCaller(right, f"token {name}") for name, right in rights.items()})


class Peer:
    """One websocket of a node or an observer."""

    def __init__(self, socket):
        self.socket = socket
        self._ids = count(1)

    async def request(self, kind, **fields):
        """Send a message and return the reply, without its msgid."""
        msgid = next(self._ids)
        await self.socket.send_message(json.dumps({"type": kind, "msgid": msgid, **fields}))
        answer = await self.receive()
        assert answer.pop("msgid") == msgid
        return answer

    async def receive(self):
        return json.loads(await self.socket.get_message())

    async def identify(self, name="web1", origin=None):
        origin = origin or f"http://{name}:5000"
        answer = await self.request("IDENTIFY", name=name, origin=origin, version="0.1")
        assert answer == {"ok": True}, answer

    async def register(self, job, *pids):
        assert (await self.request("REGISTER_JOB", job_name=job)) == {"ok": True}
        for pid in pids:
            assert (await self.request("REGISTER_PROCESS", job_name=job, pid=pid)) == {"ok": True}

    async def wait_closed(self):
        """Wait for the close code, and discard earlier messages."""
        while True:
            try:
                await self.socket.get_message()
            except ConnectionClosed as closed:
                return closed.reason.code


class LookupdClient:
    """A client of a lookupd at a URL."""

    def __init__(self, url):
        self.url = url

    async def ask(self, path, **headers):
        async with httpx2.AsyncClient() as client:
            return await client.get(self.url + path, headers=headers)

    async def get(self, path):
        answer = await self.ask(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @asynccontextmanager
    async def websocket(self, path="/ws", **headers):
        extra = [(name.replace("_", "-"), value) for name, value in headers.items()]
        host, port = self.url.removeprefix("http://").split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        try:
            async with trio.open_nursery() as nursery:
                yield Peer(
                    await wrap_client_stream(
                        nursery, stream, f"{host}:{port}", path, extra_headers=extra
                    )
                )
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)

    def node(self, token=None):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self.websocket("/ws", **headers)

    def observer(self):
        return self.websocket("/lookup/websocket")

    async def names(self):
        return [node["name"] for node in (await self.get("/nodes"))["nodes"]]


class Running(LookupdClient):
    """A lookupd in this process."""

    def __init__(self, kernel, lookupd, callers):
        super().__init__(kernel.services["http"].addresses[0])
        self.kernel = kernel
        self.lookupd = lookupd
        self.callers = callers


@asynccontextmanager
async def open_lookupd(
    lease=45.0, bind="127.0.0.1:0", connections=None, per_caller=None, http=None, **options
):
    config = Config()
    config.options |= {"bind": bind, **options}
    lookupd, callers = Lookupd(lease=lease), make_callers()
    http = http or HttpHandler(routes=False, connections=connections, per_caller=per_caller)
    async with open_kernel(config, plugins=[callers, lookupd, http]) as kernel:
        yield Running(kernel, lookupd, callers)


@pytest.fixture
def running_lookupd():
    """Run a lookupd: `async with running_lookupd(lease=1) as lookupd`."""
    return open_lookupd


@pytest.fixture
async def lookupd():
    async with open_lookupd() as lookupd:
        yield lookupd
