"""Limits of connections and requests: the owner connects whatever the other clients do."""

import socket
import ssl
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
import trio
import trustme
from gaffer_kernel import Config, ConfigError, open_kernel
from gaffer_testing import Callers, TokenCaller
from gaffer_testing.gafferd import Home
from gaffer_testing.waiting import until, wait_until

from gaffer_http import HttpHandler
from gaffer_http.serve import connection, server
from gaffer_http.serve.peer import Peer, get_peer

from ..conftest import Api, ask_once, connect, listens, open_client
from ..h2client import read_to_end

NOBODY = 65534
CONNECTIONS = 64
SMALL = 200
"""Number of the machine for which the server has a small send buffer."""
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

CROWD = """
import os, socket, ssl, sys
import h2.config, h2.connection, h2.settings
"".encode("idna")  # While modules can still be read.
os.setgroups([]); os.setgid(65534); os.setuid(65534)
port, count = map(int, sys.argv[1:])
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_alpn_protocols(["h2"])
codes = h2.settings.SettingCodes
held = []
for _ in range(count):
    try:
        stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))
        client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        client.local_settings = h2.settings.Settings(True, {codes.INITIAL_WINDOW_SIZE: 0})
        client.initiate_connection()
        path = [(":path", "/"), (":method", "GET"), (":scheme", "https")]
        client.send_headers(1, [*path, (":authority", "localhost")], end_stream=True)
        stream.sendall(client.data_to_send())
        held.append(stream)
    except OSError:
        pass
print("full", flush=True)
sys.stdin.read()
"""
"""A program of another user: HTTP/2 connections with a window of 0 bytes."""


@pytest.fixture
def pem(short_path):
    cert = trustme.CA().issue_cert("localhost")
    cert.private_key_and_cert_chain_pem.write_to_path(short_path / "pem")
    return short_path / "pem"


@pytest.fixture
def strangers(monkeypatch):
    """Map peers from 127.0.0.2 upwards to other machines, 192.0.2.2 upwards."""

    def peer(sock):
        if sock.family == socket.AF_INET:
            number = int(sock.getpeername()[0].rpartition(".")[2])
            if number == SMALL:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            if number > 1:
                return Peer(None, address=f"192.0.2.{number}")
        return get_peer(sock)

    monkeypatch.setattr(server, "get_peer", peer)


@asynccontextmanager
async def serving(ini, *plugins, **options):
    handler = HttpHandler(connections=CONNECTIONS, **options)
    async with open_kernel(Config.from_string(ini), plugins=[*plugins, handler]) as kernel:
        yield Api(kernel)


@pytest.fixture
async def api(strangers, pem, short_path):
    """An API with 64 connections over HTTP, HTTPS and a unix socket, and any token."""
    ini = (
        f"[endpoint:a]\nbind = 127.0.0.1:0, unix:{short_path}/s\n"
        f"[endpoint:tls]\nbind = 127.0.0.1:0\ncertfile = {pem}\n"
    )
    async with serving(
        ini, Callers({f"t{n}": TokenCaller("read", f"t{n}") for n in range(99)})
    ) as api:
        yield api


@pytest.fixture
async def crowd():
    """Connect to a URL as a machine: `stream = await crowd(url, 7)`."""
    async with AsyncExitStack() as stack:

        async def connect(url, number):
            port = int(url.rpartition(":")[2])
            address = f"127.0.0.{number}"
            stream = await trio.open_tcp_stream("127.0.0.1", port, local_address=address)
            stack.push_async_callback(trio.aclose_forcefully, stream)
            return stream

        yield connect


class H2:
    """A client of HTTP/2 over TLS with a window of `window` bytes for each response."""

    def __init__(self, stream, window):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        self.stream = trio.SSLStream(stream, context, server_hostname="localhost")
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        codes = h2.settings.SettingCodes
        self.h2.local_settings = h2.settings.Settings(True, {codes.INITIAL_WINDOW_SIZE: window})
        self.h2.initiate_connection()
        self.statuses = {}

    async def request(self, path, **headers):
        head = [(":path", path), (":method", "GET"), (":scheme", "https")]
        stream_id = self.h2.get_next_available_stream_id()
        head += [(":authority", "localhost"), *headers.items()]
        self.h2.send_headers(stream_id, head, end_stream=True)
        await self.stream.send_all(self.h2.data_to_send())
        return stream_id

    async def status(self, stream_id):
        """Return the status and the headers of a response."""
        while stream_id not in self.statuses:
            for event in self.h2.receive_data(await self.stream.receive_some()):
                if isinstance(event, h2.events.ResponseReceived):
                    pairs = [map(bytes.decode, pair) for pair in event.headers]
                    self.statuses[event.stream_id] = dict(pairs)
        return self.statuses[stream_id]


async def follow(stream, token):
    request = (
        f"GET /watch?feed=eventsource HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {token}\r\n\r\n"
    )
    await stream.send_all(request.encode())


async def send_without_end(stream):
    while True:
        await stream.send_all(GET * 1000)


async def check_owner_gets_in(api):
    plain, unix, _ = api.urls
    with trio.fail_after(5):
        for url in (plain, unix, plain, unix):
            assert (await ask_once(url, "GET", "/ping")).body == b"OK"


async def test_owner_connects_while_slow_readers_hold_connections(api, crowd):
    async with trio.open_nursery() as nursery:

        async def occupy(number):
            try:
                await H2(await crowd(api.urls[2], number), 0).request("/")
            except trio.BrokenResourceError:
                pass

        for number in range(2 * CONNECTIONS):
            nursery.start_soon(occupy, 2 + number % 8)
    await check_owner_gets_in(api)


async def test_owner_connects_while_tls_handshakes_are_unfinished(api, crowd):
    for number in range(2 * CONNECTIONS):
        await crowd(api.urls[2], 2 + number % 8)
    await check_owner_gets_in(api)
    # There is also room for strangers with fewer connections than others.
    client = H2(await crowd(api.urls[2], 99), 65535)
    with trio.fail_after(5):
        assert (await client.status(await client.request("/ping")))[":status"] == "401"


@pytest.mark.root
async def test_owner_connects_while_another_user_holds_connections(tmp_path, short_path, pem):
    home = Home(tmp_path, "http", "auth")
    with (
        socket.create_server(("127.0.0.1", 0)) as plain,
        socket.create_server(("127.0.0.1", 0)) as tls,
    ):
        ports = [each.getsockname()[1] for each in (plain, tls)]
    home.write(
        "gaffer.ini",
        f"[endpoint:a]\nbind = 127.0.0.1:{ports[0]}, unix:{short_path}/s\n"
        f"[endpoint:tls]\nbind = 127.0.0.1:{ports[1]}\ncertfile = {pem}\n",
    )
    with home.running("-c", "gaffer.ini"):
        wait_until(lambda: listens(f"{short_path}/s"))
        command = [sys.executable, "-c", CROWD, str(ports[1]), "600"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                assert await trio.to_thread.run_sync(process.stdout.readline) == b"full\n"
                for url in (f"http://127.0.0.1:{ports[0]}", f"http+unix:{short_path}/s"):
                    with trio.fail_after(5):
                        assert (await ask_once(url, "GET", "/ping")).body == b"OK"
            finally:
                process.kill()


async def test_owner_connects_while_many_tokens_hold_connections(api, crowd):
    plain = api.urls[0]
    feeds = []
    for number in range(60):
        feeds.append(await crowd(plain, 2 + number % 8))
        await follow(feeds[-1], f"t{number}")
        assert (await feeds[-1].receive_some()).startswith(b"HTTP/1.1 200")
    late = await crowd(plain, 50)
    with trio.fail_after(5):
        assert await read_to_end(late) == b""
    await check_owner_gets_in(api)


async def test_unix_socket_accepts_when_all_places_are_taken(api, crowd):
    _, unix, _ = api.urls
    async with AsyncExitStack() as stack:
        feeds = [await stack.enter_async_context(open_client(unix)) for _ in range(CONNECTIONS)]
        for feed in feeds:
            assert (await feed.follow("/watch?feed=eventsource")).status == 200
        for _ in range(3):
            async with await connect(unix) as late:
                with trio.fail_after(5):
                    assert await read_to_end(late) == b""
        await feeds[0].stream.aclose()

        async def answers():
            async with await connect(unix) as stream:
                try:
                    await stream.send_all(GET)
                    return await stream.receive_some()
                except trio.BrokenResourceError:
                    return b""

        with trio.fail_after(5):
            while not await answers():
                await trio.sleep(0.01)


async def test_refused_http2_request_has_a_second_for_its_response(api, crowd):
    client = H2(await crowd(api.urls[2], 2), 0)
    await client.request("/")
    with trio.fail_after(connection.REFUSAL_TIMEOUT + 4):
        await read_to_end(client.stream)


async def test_client_that_never_reads_refusals_is_disconnected(api):
    sock = trio.socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    await sock.bind((f"127.0.0.{SMALL}", 0))
    await sock.connect(("127.0.0.1", int(api.urls[0].rpartition(":")[2])))
    async with trio.SocketStream(sock) as stream:
        with trio.fail_after(connection.REFUSAL_TIMEOUT + 8):
            with pytest.raises(trio.BrokenResourceError):
                await send_without_end(stream)


async def test_refused_http2_stream_does_not_end_a_feed_of_the_same_connection(api, crowd):
    client = H2(await crowd(api.urls[2], 2), 10_000)
    path = "/watch?feed=eventsource&heartbeat=0.2"
    feed = await client.request(path, **{"x-api-key": "t1"})
    assert (await client.status(feed))[":status"] == "200"
    # There is no window for the response.
    client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
    refused = await client.request("/jobs")
    assert (await client.status(refused))[":status"] == "401"
    with trio.fail_after(connection.REFUSAL_TIMEOUT + 4):
        is_reset = False
        while not is_reset:
            for event in client.h2.receive_data(await client.stream.receive_some()):
                is_reset |= isinstance(event, h2.events.StreamReset) and event.stream_id == refused
    client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 10_000})
    later = await client.request("/ping", **{"x-api-key": "t1"})
    assert (await client.status(later))[":status"] == "200"


# Concurrent requests of one caller

LIMITED = "[gaffer]\nhttp_requests_per_caller = 3\n"


@pytest.fixture
async def limited(strangers, pem):
    ini = f"{LIMITED}[endpoint:a]\nbind = 127.0.0.1:0\n"
    ini += f"[endpoint:tls]\nbind = 127.0.0.1:0\ncertfile = {pem}\n"
    async with serving(
        ini, Callers({"t1": TokenCaller("read", "t1"), "t2": TokenCaller("read", "t2")})
    ) as api:
        yield api


async def test_feeds_of_a_token_are_limited(limited, crowd):
    plain = limited.urls[0]
    token = {"x_api_key": "t1"}
    feeds = [await crowd(plain, 1) for _ in range(3)]
    for feed in feeds:
        await follow(feed, "t1")
        assert (await feed.receive_some()).startswith(b"HTTP/1.1 200")
    answer = await limited.ask("GET", "/ping", **token)
    assert (answer.status, answer.slug) == (429, "too_many_requests")
    assert answer.headers["retry-after"] == "1"
    assert (
        answer.json["reason"]
        == "t1 has 3 requests and websockets here: end some, or try again later"
    )
    assert (await limited.ask_websocket("/channel", **token)).status == 429
    assert (await limited.ask("GET", "/ping", x_api_key="t2")).status == 200
    await trio.aclose_forcefully(feeds[0])

    async def has_room():
        return (await limited.ask("GET", "/ping", **token)).status == 200

    await until(has_room)


async def test_http2_streams_count_towards_the_limit(limited, crowd):
    client = H2(await crowd(limited.urls[1], 2), 65535)
    token = {"x-api-key": "t1"}
    feeds = [await client.request("/watch?feed=eventsource", **token) for _ in range(5)]
    with trio.fail_after(5):
        answers = [await client.status(feed) for feed in feeds]
    assert [each[":status"] for each in answers] == ["200", "200", "200", "429", "429"]
    assert answers[-1]["retry-after"] == "1"


async def test_owner_has_no_limit_of_requests(limited):
    async with AsyncExitStack() as stack:
        for _ in range(5):
            client = await stack.enter_async_context(limited.client())
            assert (await client.follow("/watch?feed=eventsource")).status == 200


@pytest.mark.parametrize("number", ["0", "-1", "1000001"])
async def test_invalid_limit_is_refused(number):
    with pytest.RaisesGroup(
        pytest.RaisesExc(ConfigError, match="http_requests_per_caller: must be from 1 to 1000000"),
        flatten_subgroups=True,
        allow_unwrapped=True,
    ):
        async with serving(f"[gaffer]\nhttp_requests_per_caller = {number}\n"):
            pass
