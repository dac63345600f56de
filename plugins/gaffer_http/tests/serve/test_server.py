"""Invalid, silent and slow clients do not affect the server or delay its close."""

import gc
import logging
import os
import ssl
import struct
import time

import h2.errors
import h2.settings
import pytest
import trio
import trustme

from gaffer_http.serve import connection, transport
from gaffer_http.serve.peer import Peer

from ..h2client import H2, H2_PREFACE, METHOD, PATH, PLACE, SETTINGS, read_to_end

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def hello(scope, receive, send):
    """Answer every request; accept websockets."""
    scope["state"]["admit"]()
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def pour(scope, receive, send):
    """Send an endless response."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})


@pytest.mark.parametrize("again", [False, True])
async def test_refusal_is_sent_even_if_the_event_loop_stalled(serve, monkeypatch, again):
    """The peer cannot take a response that this program is too slow to send."""
    monkeypatch.setattr(connection, "REFUSAL_TIMEOUT", 0.05)

    async def refuse(scope, receive, send):
        scope["state"]["refuse"]()
        for number, part in enumerate((b"sor", b"ry")):
            if number == again:
                time.sleep(0.1)  # noqa: ASYNC251  the event loop has to stall
            if not number:
                await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": part, "more_body": not number})

    served = await serve(refuse)
    answer = await served.ask("GET", "/")
    assert (answer.status, answer.body) == (401, b"sorry")


# Invalid input: the first four end hypercorn's own serve().


async def upgrade_with_more(stream):
    await stream.send_all(UPGRADE + b"\r\nx")


async def upgrade_with_odd_protocol(stream):
    await stream.send_all(UPGRADE + b"Sec-WebSocket-Protocol: caf\xe9\r\n\r\n")


async def h2_odd_path(stream):
    client = H2(stream)
    await client.start()
    await client.request(METHOD, (b":path", b"/caf\xc3\xa9"), *PLACE)


async def h2_connect_without_path(stream):
    client = H2(stream)
    await client.start()
    await client.request((b":method", b"CONNECT"), (b":authority", b"localhost"))


DEADLY = [upgrade_with_more, upgrade_with_odd_protocol, h2_odd_path, h2_connect_without_path]

CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
ODD = {
    "nothing": b"",
    "newlines": b"\r\n\r\n\r\n",
    "garbage": bytes(range(256)) * 10,
    "tls_hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
    "half_a_line": b"GET / HT",
    "no_host": b"GET / HTTP/1.1\r\n\r\n",
    "old": b"GET / HTTP/0.9\r\n\r\n",
    "http_1_0": b"GET / HTTP/1.0\r\n\r\n",
    "future": b"GET / HTTP/3.7\r\n\r\n",
    "nul": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "odd_path": b"GET /caf\xe9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "odd_escape": b"GET /%ff%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "connect": b"CONNECT evil.com:80 HTTP/1.1\r\nHost: evil.com\r\n\r\n",
    "absolute": b"GET http://evil.com/ HTTP/1.1\r\nHost: evil.com\r\n\r\n",
    "long_header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000,
    "many_headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "two_lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\nab",
    "negative_length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "smuggled": CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\nGET",
    "bad_chunk": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "huge_chunk": CHUNKED + b"ffffffffffffffffff\r\nabc",
    "pipelined": GET * 50,
    "more_after": GET + b"\xff\xfe",
    "upgrade_foo": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
    "upgrade_h2c": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    "upgrade_h2c_odd": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: !!\r\n\r\n",
    "upgrade_no_key": UPGRADE.replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"")
    + b"\r\n",
    "upgrade_old": UPGRADE.replace(b"13", b"8") + b"\r\n",
    "upgrade_post": UPGRADE.replace(b"GET", b"POST") + b"\r\n",
    "ws_unmasked": UPGRADE + b"\r\n" + b"\x81\x05hello",
    "ws_reserved": UPGRADE + b"\r\n" + b"\xff\xff" + bytes(40),
    "h2_preface_only": H2_PREFACE,
    "h2_garbage": H2_PREFACE + b"\xff" * 500,
    "h2_half_preface": b"PRI * HTTP/2.0\r\n\r\nSM",
    "h2_no_settings": H2_PREFACE + b"\0\0\0\x01\x05\0\0\0\x01",
    "h2_bad_hpack": H2_PREFACE + SETTINGS + b"\0\0\x03\x01\x05\0\0\0\x01\xff\xff\xff",
    "h2_even_stream": H2_PREFACE + SETTINGS + b"\0\0\x01\x01\x05\0\0\0\x02\x82",
    "h2_data_on_idle": H2_PREFACE + SETTINGS + b"\0\0\x01\x00\x01\0\0\0\x01x",
    "h2_priority_of_itself": H2_PREFACE + SETTINGS + b"\0\0\x05\x02\0\0\0\0\x01\0\0\0\x01\0",
    "h2_huge_frame": H2_PREFACE + SETTINGS + b"\xff\xff\xff\0\0\0\0\0\x01",
    "h2_goaway": H2_PREFACE + SETTINGS + b"\0\0\x08\x07\0\0\0\0\0" + bytes(8),
    "h2_window_zero": H2_PREFACE + SETTINGS + b"\0\0\x04\x08\0\0\0\0\0" + bytes(4),
}


@pytest.mark.parametrize("deed", DEADLY)
async def test_crash_of_a_connection_does_not_affect_others(serve, serve_h2, deed, caplog):
    served = await (serve_h2 if deed.__name__.startswith("h2_") else serve)(hello)

    async def crash():
        """Send the input, and return the log."""
        caplog.clear()
        async with await served.connect() as stream:
            await deed(stream)
            await read_to_end(stream)
        await served.check_alive()
        return [each for each in caplog.records if each.levelno > logging.DEBUG]

    first = list(await crash())
    assert f"a connection of user {os.geteuid()} failed" in first[0].message
    # There is one line for each, whatever the library raised.
    assert all(not each.exc_info and "\n" not in each.message for each in first)
    # Further ones of the same kind are logged at DEBUG only.
    assert await crash() == []
    assert served.server.crashes > len(first) > 0


@pytest.mark.parametrize("ending", ["half_close", "close", "reset", "nothing"])
@pytest.mark.parametrize("name", ODD)
async def test_invalid_input_does_not_affect_the_server(serve, serve_h2, name, ending, monkeypatch):
    monkeypatch.setattr(connection, "IDLE_TIMEOUT", 0.2)
    monkeypatch.setattr(connection, "GOODBYE_TIMEOUT", 0.2)
    http2 = name.startswith("h2_") and ending != "half_close"  # which TLS does not have
    served = await (serve_h2 if http2 else serve)(hello)
    stream = await served.connect()
    try:
        await stream.send_all(ODD[name])
        if ending == "half_close":
            await stream.send_eof()
    except trio.BrokenResourceError:
        pass
    if ending == "reset":
        await stream.receive_some() if name in ("http_1_0", "pipelined") else None
        sock = stream.transport_stream if http2 else stream
        sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: close resets
    if ending in ("half_close", "nothing") and not name.startswith("ws_"):
        await read_to_end(stream)
    await stream.aclose()
    # The short timeout was for the invalid input; a busy machine may need more for this one.
    monkeypatch.setattr(connection, "IDLE_TIMEOUT", 30)
    await served.check_alive()
    with trio.fail_after(5):
        await served.server.close(0.5)


async def test_exception_of_the_application_ends_its_connection_only(serve, caplog):
    async def app(scope, receive, send):
        if scope["path"] == "/":
            raise ZeroDivisionError
        await hello(scope, receive, send)

    served = await serve(app)
    assert (await served.ask("GET", "/")).status == 500
    assert (await served.ask("GET", "/x")).body == b"hello"


@pytest.mark.parametrize("raises", [True, False])
async def test_unfinished_http2_response_is_reset(serve_h2, raises):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a part", "more_body": True})
        if raises:
            raise ZeroDivisionError

    served = await serve_h2(app)
    async with await served.connect() as stream:
        client = H2(stream)
        await client.start()
        for stream_id in (1, 3):
            await client.request(METHOD, PATH, *PLACE)
            assert await client.reset() == (stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)


# Peers


async def test_scope_has_the_peer(serve, short_path):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        peer = scope["state"]["peer"]
        assert isinstance(peer, Peer)
        await send({"type": "http.response.body", "body": str(peer.uid).encode()})

    served = await serve(app, bind=f"127.0.0.1:0,[::1]:0,unix:{short_path}/s")
    for which in range(3):
        async with served.client(which) as client:
            assert (await client.ask("GET", "/")).body == str(os.getuid()).encode()


# Clients that do not read


@pytest.fixture(params=["tcp", "unix", "tls"])
async def pouring(request, serve, short_path):
    """A server with an endless response, and a client that reads none of it."""
    bind = f"unix:{short_path}/s" if request.param == "unix" else "127.0.0.1:0"
    options = {}
    if request.param == "tls":
        ca = trustme.CA()
        ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(short_path / "pem")
        options["certfile"] = f"{short_path}/pem"
    served = await serve(pour, bind=bind, **options)
    url = served.url.replace("https", "http")
    client = await type(served)(served.server, [url]).connect()
    stream = client
    if request.param == "tls":
        context = ssl.create_default_context()
        ca.configure_trust(context)
        stream = trio.SSLStream(client, context, server_hostname="localhost")
    await stream.send_all(GET)
    await stream.receive_some(1)
    await trio.testing.wait_all_tasks_blocked(0.05)
    yield served
    await trio.aclose_forcefully(client)


async def test_slow_reader_does_not_delay_close(pouring):
    with trio.fail_after(5):
        await pouring.server.close(0.1)


async def test_slow_reader_does_not_delay_cancellation(pouring):
    with trio.fail_after(5):
        with trio.CancelScope() as scope:
            scope.cancel()
            await pouring.server.close(30)


async def test_slow_reader_is_disconnected(serve, monkeypatch):
    monkeypatch.setattr(transport, "SEND_TIMEOUT", 0.1)
    ended = trio.Event()

    async def app(scope, receive, send):
        try:
            await pour(scope, receive, send)
        finally:
            ended.set()

    served = await serve(app)
    async with await served.connect() as stream:
        await stream.send_all(GET)
        with trio.fail_after(5):
            while served.server._connections:
                await trio.sleep(0.01)


async def test_http2_client_with_a_full_window_is_disconnected(serve_h2, monkeypatch):
    monkeypatch.setattr(transport, "SEND_TIMEOUT", 0.1)
    served = await serve_h2(hello)
    async with await served.connect() as stream:
        client = H2(stream)
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        await client.start()
        await client.request(METHOD, PATH, *PLACE)
        with trio.fail_after(5):
            await read_to_end(stream)


async def test_http2_client_with_a_full_window_does_not_delay_close(serve_h2):
    served = await serve_h2(pour)
    async with await served.connect() as stream:
        client = H2(stream)
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        await client.start()
        await client.request(METHOD, PATH, *PLACE)
        await stream.receive_some()
        with trio.fail_after(5):
            await served.server.close(0.1)


# Idle connections


async def send_nothing(stream):
    pass


async def send_half_a_header(stream):
    await stream.send_all(b"GET / HTTP/1.1\r\nHost:")


async def send_h2_preface(stream):
    await H2(stream).start()


async def send_h2_half_a_header(stream):
    await stream.send_all(H2_PREFACE + SETTINGS + b"\0\0\x01\x01\0\0\0\0\x01\x82")


async def send_a_request(stream):
    await stream.send_all(GET)


SILENT = [send_nothing, send_half_a_header, send_h2_preface, send_h2_half_a_header, send_a_request]


@pytest.mark.parametrize("deed", SILENT)
async def test_connection_without_a_request_is_closed(serve, serve_h2, deed, monkeypatch):
    served = await (serve_h2 if deed.__name__.startswith("send_h2_") else serve)(hello)
    monkeypatch.setattr(connection, "IDLE_TIMEOUT", 0.3)
    async with await served.connect() as stream:
        await deed(stream)
        with trio.fail_after(5):
            await read_to_end(stream)


async def test_long_request_is_not_closed_as_idle(serve, monkeypatch):
    monkeypatch.setattr(connection, "IDLE_TIMEOUT", 0.05)

    async def slow(scope, receive, send):
        await trio.sleep(0.3)
        await hello(scope, receive, send)

    served = await serve(slow)
    assert (await served.ask("GET", "/")).body == b"hello"


async def test_connection_is_reused(serve):
    served = await serve(hello)
    async with served.client() as client:
        for _ in range(3):
            assert (await client.ask("GET", "/")).body == b"hello"


async def test_server_without_connections_has_no_deadline(serve):
    served = await serve(hello)
    await served.ask("GET", "/")
    with trio.fail_after(5):
        while served.server._connections:
            await trio.sleep(0.01)
    await trio.testing.wait_all_tasks_blocked()
    # The only deadline left is the one that keeps tests from hanging.
    assert trio.lowlevel.current_statistics().seconds_to_next_deadline > 30


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01", GET, bytes(range(256)) * 10])
async def test_connection_without_tls_is_closed(serve, short_path, data, monkeypatch):
    monkeypatch.setattr(connection, "IDLE_TIMEOUT", 0.1)
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        short_path / "pem"
    )
    served = await serve(hello, certfile=f"{short_path}/pem")
    stream = await trio.open_tcp_stream("127.0.0.1", int(served.url.rpartition(":")[2]))
    async with stream:
        await stream.send_all(data)
        with trio.fail_after(5):
            await read_to_end(stream)
    assert served.server.crashes == 0


async def test_http_request_to_an_https_port_gets_an_explanation(serve, short_path, ask_once):
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        short_path / "pem"
    )
    served = await serve(hello, certfile=f"{short_path}/pem")
    with trio.fail_after(5):
        answer = await ask_once(served.url.replace("https", "http"), "GET", "/")
    assert (answer.status, answer.slug) == (400, "bad_request")
    assert answer.json["reason"] == "this port speaks https://, not http://"
    assert served.server.crashes == 0


# Too many


async def test_idle_connections_are_closed_for_new_ones(serve):
    served = await serve(hello, connections=2)
    async with await served.connect() as first, await served.connect() as second:
        async with served.client() as client:
            assert (await client.ask("GET", "/")).body == b"hello"
        assert await read_to_end(first) == b""
        await second.send_all(GET)
        assert await second.receive_some()


async def test_busy_connections_are_not_closed_for_new_ones(serve, caplog):
    served = await serve(pour, connections=1)
    async with await served.connect() as busy:
        await busy.send_all(GET)
        assert await busy.receive_some()
        async with await served.connect() as late:
            assert await read_to_end(late) == b""
        assert await busy.receive_some()
    assert "all 1 connections are busy" in caplog.text


# Closing


async def test_idle_server_closes_immediately(serve):
    served = await serve(hello)
    async with served.client() as client:
        await client.ask("GET", "/")
        with trio.fail_after(2):
            await served.server.close(30)
        assert await read_to_end(client.stream) == b""
    with pytest.raises(OSError, match="all attempts"):
        await served.connect()


async def test_request_is_answered_before_the_server_closes(serve):
    arrived, go_on = trio.Event(), trio.Event()

    async def slow(scope, receive, send):
        arrived.set()
        await go_on.wait()
        await hello(scope, receive, send)

    served = await serve(slow)
    async with served.client() as client, trio.open_nursery() as nursery:

        async def ask():
            answer = await client.ask("GET", "/")
            assert answer.body == b"hello"
            assert answer.headers["connection"] == "close"

        nursery.start_soon(ask)
        await arrived.wait()
        nursery.start_soon(served.server.close, 30)
        await served.server.closing.wait()
        go_on.set()


async def test_stream_that_observes_closing_ends_cleanly(serve):
    async def stream(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await served.server.closing.wait()
        await send({"type": "http.response.body", "body": b"last"})

    served = await serve(stream)
    async with served.client() as client, trio.open_nursery() as nursery:

        async def ask():
            assert (await client.ask("GET", "/")).body == b"firstlast"

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked(0.05)
        with trio.fail_after(5):
            await served.server.close(30)


async def test_endless_response_is_cut_after_the_grace_period(serve):
    served = await serve(pour)
    async with await served.connect() as stream, trio.open_nursery() as nursery:
        await stream.send_all(GET)
        nursery.start_soon(read_to_end, stream)
        with trio.fail_after(5):
            await served.server.close(0.1)


async def test_response_to_an_unread_body_arrives(serve):
    async def refuse(scope, receive, send):
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"too large"})

    served = await serve(refuse)
    for _ in range(5):
        answer = await served.ask("POST", "/", bytes(5_000_000))
        assert (answer.status, answer.body) == (413, b"too large")


async def test_closed_server_leaves_no_task_or_descriptor(serve):
    served = await serve(hello)
    for name in ("garbage", "pipelined", "h2_garbage", "bad_chunk"):
        async with await served.connect() as stream:
            await stream.send_all(ODD[name])
            await stream.send_eof()
            await read_to_end(stream)
    await served.server.close(1)
    gc.collect()
    left = [each for each in gc.get_objects() if type(each) is transport.Transport]
    assert [each for each in left if each.socket.fileno() != -1] == []


async def send_for_ever(stream):
    while True:
        await stream.send_all(bytes(65536))


async def test_client_that_continues_an_oversized_message_is_disconnected(serve):
    served = await serve(hello)
    async with await served.connect() as stream:
        await stream.send_all(UPGRADE + b"\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
        # A frame of 1 GiB, with an empty mask.
        await stream.send_all(b"\x82\xff" + (2**30).to_bytes(8, "big") + bytes(4))
        with (
            trio.fail_after(connection.GOODBYE_TIMEOUT + 5),
            pytest.raises(trio.BrokenResourceError),
        ):
            await send_for_ever(stream)
    assert served.server.crashes == 0


async def test_messages_are_not_compressed(serve):
    served = await serve(hello)
    async with await served.connect() as stream:
        offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        await stream.send_all(UPGRADE + offer)
        head = await stream.receive_some()
        assert head.startswith(b"HTTP/1.1 101")
        assert b"extensions" not in head.lower()
