"""A small HTTP client, a server for any application, and the API of a real kernel."""

import json
import os
import re
import socket
import ssl
import tempfile
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import h11
import pytest
import trio
import trustme
from gaffer_kernel import Config, open_kernel
from gaffer_testing.gafferd import Home
from gaffer_testing.waiting import wait_until
from trio_websocket import wrap_client_stream

from gaffer_http.listen.endpoints import read_endpoints
from gaffer_http.listen.sockets import listening
from gaffer_http.plugin import plugin as http_plugin
from gaffer_http.serve.places import Places
from gaffer_http.serve.server import Server

from .h2client import H2, METHOD, PATH, PLACE


class Answer:
    """A response of a server."""

    def __init__(self, response):
        self.status = response.status_code
        self.headers = {name.decode(): value.decode() for name, value in response.headers}
        self.body = b""

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def slug(self):
        """The error code of a response, after checks of its form."""
        error = self.json
        assert set(error) == {"ok", "error", "errno", "reason"}
        assert error["ok"] is False
        assert error["errno"] == self.status
        assert error["reason"]
        assert self.headers["content-type"] == "application/json; charset=utf-8"
        return error["error"]


class Client:
    """One connection to a server; requests go one after the other."""

    def __init__(self, stream):
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def ask(self, method, path, body=None, **headers):
        """Send a request, as JSON if the body is not bytes; return the whole response."""
        fields = {"host": "localhost", "accept": "*/*"}
        data = body if isinstance(body, bytes) else b"" if body is None else encode(body)
        if body is not None:
            fields["content-length"] = str(len(data))
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        pairs = [(name, value) for name, value in fields.items() if value is not None]
        await self.send(h11.Request(method=method, target=path, headers=pairs))
        await self.send(h11.Data(data=data))
        await self.send(h11.EndOfMessage())
        return await self.answer()

    async def follow(self, path, method="GET", **headers):
        """Send a request with a streaming response; return its start. `more` returns the rest."""
        fields = {"host": "localhost", **headers}
        pairs = [(name.replace("_", "-"), value) for name, value in fields.items()]
        await self.send(h11.Request(method=method, target=path, headers=pairs))
        await self.send(h11.EndOfMessage())
        return Answer(await self._event())

    async def more(self):
        """Return the next bytes of the streaming response, b"" at its end."""
        event = await self._event()
        if isinstance(event, h11.EndOfMessage):
            return b""
        return bytes(event.data)

    async def until(self, text):
        """Return the bytes of the streaming response up to the first chunk with a text."""
        got = b""
        while text not in got:
            more = await self.more()
            assert more, got
            got += more
        return got

    async def rest(self):
        """Return the remaining bytes of the streaming response."""
        got = b""
        while more := await self.more():
            got += more
        return got

    async def closed(self):
        """Wait until the server closes a connection without a request."""
        assert await self.stream.receive_some() == b""

    async def _event(self):
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            self._h11.receive_data(await self.stream.receive_some())
        return event

    async def send(self, event):
        await self.stream.send_all(self._h11.send(event))

    async def answer(self):
        answer = None
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                self._h11.receive_data(await self.stream.receive_some())
            elif isinstance(event, h11.Response):
                answer = Answer(event)
            elif isinstance(event, h11.Data):
                answer.body += event.data
            elif isinstance(event, h11.EndOfMessage):
                if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
                    self._h11.start_next_cycle()
                return answer
            else:
                assert isinstance(event, h11.InformationalResponse), event


def encode(value):
    return json.dumps(value).encode()


async def connect(url):
    """Open a stream to an address in the form of the API."""
    scheme, _, rest = url.partition(":")
    if scheme.endswith("+unix"):
        return await trio.open_unix_socket(rest)
    host, _, port = rest.removeprefix("//").rpartition(":")
    return await trio.open_tcp_stream(host.strip("[]"), int(port))


def listens(path):
    """Return whether a program accepts connections on a unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


@asynccontextmanager
async def open_client(url):
    stream = await connect(url)
    try:
        yield Client(stream)
    finally:
        await trio.aclose_forcefully(stream)


async def ask_once(url, method, path, body=None, **headers):
    async with open_client(url) as client:
        return await client.ask(method, path, body, **headers)


@pytest.fixture(name="ask_once")
def _ask_once():
    """Send one request to an address: `answer = await ask_once(url, "GET", "/")`."""
    return ask_once


class Served:
    """A server under test.

    Attributes:
        server: a gaffer_http.serve.server.Server.
        urls: where it listens.
    """

    def __init__(self, server, urls):
        self.server = server
        self.urls = urls

    @property
    def url(self):
        return self.urls[0]

    def client(self, which=0):
        return open_client(self.urls[which])

    async def connect(self, which=0):
        return await connect(self.urls[which])

    async def ask(self, method, path, body=None, **headers):
        return await ask_once(self.url, method, path, body, **headers)

    async def check_alive(self):
        """Assert that the server responds."""
        assert (await self.ask("GET", "/")).status == 200


class ServedH2(Served):
    """A server that clients reach over TLS, with HTTP/2."""

    def __init__(self, served, ca):
        super().__init__(served.server, served.urls)
        self._context = ssl.create_default_context()
        self._context.set_alpn_protocols(["h2"])
        ca.configure_trust(self._context)

    async def connect(self, which=0):
        stream = trio.SSLStream(
            await super().connect(which),
            self._context,
            server_hostname="localhost",
            https_compatible=True,
        )
        await stream.do_handshake()
        assert stream.selected_alpn_protocol() == "h2"
        return stream

    async def check_alive(self):
        async with await self.connect() as stream:
            client = H2(stream)
            await client.start()
            await client.request(METHOD, PATH, *PLACE)
            assert await client.status() == b"200"


@pytest.fixture
def serve_h2(serve, short_path):
    """Serve any application over HTTP/2: `served = await serve_h2(app)`."""

    async def start(app):
        ca = trustme.CA()
        ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(short_path / "pem")
        return ServedH2(await serve(app, certfile=f"{short_path}/pem"), ca)

    return start


@pytest.fixture
def short_path():
    """A folder with a path that is short enough for unix sockets (108 bytes)."""
    with tempfile.TemporaryDirectory(prefix="g") as folder:
        yield Path(folder)


@pytest.fixture
async def serve(nursery):
    """Serve any application on 127.0.0.1 or `bind`: `served = await serve(app)`."""
    servers = []
    with ExitStack() as stack:

        async def start(app, bind="127.0.0.1:0", connections=None, **options):
            config = Config()
            config.options |= {"bind": bind, **options}
            sockets = stack.enter_context(listening(read_endpoints(config)))
            owners = frozenset({os.getuid()})
            servers.append(Server(app, Places(connections, owners=owners)))
            await nursery.start(servers[-1].run, sockets)
            return Served(servers[-1], [each.url for each in sockets])

        yield start
        for server in servers:
            await server.close(0)


UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec_websocket_version": "13",
    "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Reached:
    """A server with known addresses."""

    def __init__(self, urls):
        self.urls = urls

    async def ask(self, method, path, body=None, **headers):
        return await ask_once(self.urls[0], method, path, body, **headers)

    def client(self):
        return open_client(self.urls[0])

    @asynccontextmanager
    async def websocket(self, path, **headers):
        """Open a websocket to a path. The end of the block closes it without a close frame."""
        stream = await connect(self.urls[0])
        extra = [(name.replace("_", "-"), value) for name, value in headers.items()]
        try:
            async with trio.open_nursery() as nursery:
                yield await wrap_client_stream(
                    nursery, stream, "localhost", path, extra_headers=extra, message_queue_size=1
                )
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)

    async def ask_websocket(self, path, **headers):
        """Return the response to a websocket that is refused before the handshake."""
        return await self.ask("GET", path, **UPGRADE, **headers)

    async def connect(self):
        return await connect(self.urls[0])


class Api(Reached):
    """The API of a running kernel."""

    def __init__(self, kernel):
        super().__init__(kernel.services["http"].addresses)
        self.kernel = kernel


class Daemon(Reached):
    """The API of a gafferd.

    Attributes:
        process: a subprocess.Popen.
    """

    def __init__(self, process, url):
        super().__init__([url])
        self.process = process

    async def spawned(self, *pids):
        """Wait until these processes exist."""
        while (await self.ask("GET", "/pids")).json["pids"] != list(pids):
            await trio.sleep(0.01)

    @property
    def memory(self):
        """Resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [kilobytes] = re.findall(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        return int(kilobytes) * 1024


@pytest.fixture
def gafferd(tmp_path, short_path):
    """Run gafferd: `with gafferd("http", ini=...) as daemon`, with the plugins named."""

    @contextmanager
    def run(*plugins, ini, **options):
        home = Home(tmp_path, *plugins)
        home.write("gaffer.ini", ini)
        command = ("-c", "gaffer.ini", "--bind", f"unix:{short_path}/s")
        with home.running(*command, **options) as process:
            wait_until(lambda: listens(f"{short_path}/s"))
            yield Daemon(process, f"http+unix:{short_path}/s")

    return run


@asynccontextmanager
async def open_api(*plugins, ini="", bind="127.0.0.1:0"):
    config = Config.from_string(ini)
    config.options["bind"] = bind
    async with open_kernel(config, plugins=[http_plugin, *plugins]) as kernel:
        yield Api(kernel)


@pytest.fixture
def running_api():
    """Run a kernel with the API and other plugins: `async with running_api(plugin, ini=...)`."""
    return open_api


@pytest.fixture
def make_api():
    """Make an Api for a kernel of the test."""
    return Api


@pytest.fixture
async def api():
    """The API of a kernel without jobs."""
    async with open_api() as api:
        yield api
