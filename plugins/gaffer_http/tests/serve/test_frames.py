"""Floods of cheap frames, which must not block other tasks."""

import struct
from collections import Counter

import h2.errors
import pytest
import trio
from gaffer_testing.latency_probe import run_latency_probe
from hypercorn.protocol.ws_stream import WSStream

from gaffer_http.serve import budget, connection, frames

from ..h2client import H2, H2_PREFACE, METHOD, PATH, PLACE, SETTINGS, read_to_end

DEADLINE = 50.0
"""Seconds for what ends as soon as the machine has time for it."""

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def h2_frame(kind, flags=0, stream=0, payload=b""):
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + payload
    )


def ws_frame(kind, data=b"", final=False):
    return bytes([0x80 * final | kind, 0x80 | len(data), 0, 0, 0, 0]) + data


FLOODS = {
    "settings": SETTINGS,
    "settings_ack": h2_frame(4, 1),
    "ping": h2_frame(6, 0, 0, bytes(8)),
    "ping_ack": h2_frame(6, 1, 0, bytes(8)),
    "priority": h2_frame(2, 0, 1, b"\0\0\0\0\x10"),
    "unknown": h2_frame(0xBB),
    "window_update": h2_frame(8, 0, 0, b"\0\0\0\1"),
}


async def asgi(scope, receive, send):
    """Admit and answer every request; accept websockets."""
    scope["state"]["admit"]()
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


# No HTTP/2 in clear text


async def test_http2_prior_knowledge_is_refused_in_clear_text(serve):
    served = await serve(asgi)
    async with await served.connect() as stream:
        await stream.send_all(H2_PREFACE + SETTINGS)
        answer = await read_to_end(stream)
    assert answer.startswith(b"HTTP/1.1 505 ")
    assert b"HTTP/2 needs https://" in answer


async def test_upgrade_to_http2_is_ignored(serve):
    served = await serve(asgi)
    upgrade = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c"}
    answer = await served.ask("GET", "/", http2_settings="AAMAAABkAAQAAP__", **upgrade)
    assert (answer.status, answer.body) == (200, b"hello")


# Limits of control frames


@pytest.mark.parametrize("name", FLOODS)
async def test_control_frames_without_requests_get_enhance_your_calm(serve_h2, name, caplog):
    served = await serve_h2(asgi)
    async with await served.connect() as stream:
        client = H2(stream)
        await client.start()
        await client.request(METHOD, PATH, *PLACE)
        assert await client.status() == b"200"
        with trio.fail_after(DEADLINE):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_until_broken, stream, FLOODS[name] * 100)
                assert await client.terminated(DEADLINE) == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
                nursery.cancel_scope.cancel()
    await served.check_alive()
    assert served.server.crashes == 0
    assert not [each for each in caplog.records if each.exc_info]


async def send_until_broken(stream, data):
    try:
        while True:
            await stream.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


def fed(*pieces, at=0.0, limit=None):
    limit = limit or frames.FrameLimit()
    return any(limit.exceeded(piece, at) for piece in pieces)


def test_new_stream_allows_more_control_frames():
    half = SETTINGS * (frames.MAX_FRAMES - 10)
    assert not fed(H2_PREFACE, half, h2_frame(1, 5, 1), half)
    assert fed(H2_PREFACE, half, h2_frame(1, 5, 1), half, SETTINGS * 20)
    # A second frame of the same stream does not count.
    assert fed(H2_PREFACE, h2_frame(1, 5, 1), half, h2_frame(1, 5, 1), half)


def test_elapsed_minute_allows_more_control_frames():
    limit = frames.FrameLimit()
    assert not fed(H2_PREFACE + SETTINGS * frames.MAX_FRAMES, limit=limit)
    assert not fed(SETTINGS * frames.MAX_FRAMES, at=frames.FRAME_INTERVAL + 1, limit=limit)
    assert fed(SETTINGS, at=frames.FRAME_INTERVAL + 2, limit=limit)


def test_resets_count_despite_new_streams():
    pairs = [h2_frame(1, 5, 2 * n + 1) + h2_frame(3, 0, 2 * n + 1, bytes(4)) for n in range(1001)]
    assert not fed(H2_PREFACE, *pairs[:1000])
    assert fed(H2_PREFACE, *pairs)


def test_window_updates_for_large_responses_are_allowed():
    limit = frames.FrameLimit()
    assert not fed(H2_PREFACE, limit=limit)
    for _ in range(2 * frames.MAX_FRAMES):
        limit.sent(h2_frame(0, 0, 1, b"data"))
        assert not fed(FLOODS["window_update"] * 2, limit=limit)


def test_only_empty_data_frames_count():
    assert not fed(H2_PREFACE, h2_frame(0, 0, 1, b"x") * 5000)
    assert fed(H2_PREFACE, h2_frame(0, 0, 1) * 1001)


def test_frames_are_counted_for_any_division_into_chunks():
    data = H2_PREFACE + h2_frame(4, 0, 0, bytes(6)) + h2_frame(0xBB, 0, 7) + h2_frame(1, 5, 9, b"x")
    for size in range(1, len(data)):
        reader = frames.FrameReader(frames.PREFACE_SIZE)
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        found = [frame for piece in pieces for frame in reader.read(piece)]
        assert found == [(6, 4, 0), (0, 0xBB, 7), (1, 1, 9)]


# Fragments of messages


async def open_websocket(served):
    stream = await served.connect()
    await stream.send_all(UPGRADE)
    assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
    return stream


@pytest.mark.parametrize("data", [b"", b"x"])
async def test_message_of_too_many_fragments_closes_the_websocket(serve, data):
    served = await serve(asgi)
    async with await open_websocket(served) as stream:
        await stream.send_all(ws_frame(1, data) + ws_frame(0, data) * connection.MAX_FRAGMENTS)
        with trio.fail_after(DEADLINE):
            assert (await stream.receive_some())[:4] == b"\x88\x02" + struct.pack(">H", 1009)


async def test_consecutive_fragmented_messages_are_accepted(serve):
    served = await serve(asgi)
    async with await open_websocket(served) as stream:
        rest = ws_frame(0, b"x") * (connection.MAX_FRAGMENTS - 2)
        await stream.send_all((ws_frame(1, b"x") + rest + ws_frame(0, b"x", final=True)) * 3)
        await stream.send_all(ws_frame(9, b"ping", final=True))
        with trio.fail_after(DEADLINE):
            assert await stream.receive_some() == b"\x8a\x04ping"


async def test_large_frame_in_pieces_counts_once(serve):
    served = await serve(asgi)
    async with await open_websocket(served) as stream:
        size = 60_000
        await stream.send_all(b"\x82\xfe" + struct.pack(">H", size) + bytes(4))
        for _ in range(size // 40):
            await stream.send_all(bytes(40))
            await trio.lowlevel.checkpoint()
        await stream.send_all(ws_frame(9, b"ping", final=True))
        with trio.fail_after(DEADLINE):
            assert await stream.receive_some() == b"\x8a\x04ping"


# Turns


async def spend_all(budgets, admitted, done, size, times):
    allowance = budget.Allowance(budgets)
    if admitted:
        allowance.admit()
    for _ in range(times):
        await trio.lowlevel.checkpoint()
        await allowance.spend(size)
        done.append(size)


@pytest.mark.parametrize("admitted", [False, True])
async def test_connections_share_a_budget_for_each_turn(autojump_clock, admitted):
    budgets = budget.Budgets()
    per_pass = budget.ADMITTED_PER_PASS if admitted else budget.PENDING_PER_PASS
    done = []
    async with run_latency_probe() as others, trio.open_nursery() as service:
        service.start_soon(budgets.run)
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(spend_all, budgets, admitted, done, per_pass, 20)
        service.cancel_scope.cancel()
        assert len(done) == 400
        assert others.turns >= 400


async def test_unadmitted_connection_is_throttled_after_a_burst(autojump_clock):
    budgets = budget.Budgets()
    size = budget.PENDING_PER_PASS
    async with trio.open_nursery() as service:
        service.start_soon(budgets.run)
        begin = trio.current_time()
        await spend_all(budgets, False, [], size, budget.PENDING_BURST // size)
        assert trio.current_time() == begin
        await spend_all(budgets, False, [], size, 2 * budget.PENDING_BURST // size)
        service.cancel_scope.cancel()
    # The second connection had its own burst.
    took = budget.PENDING_BURST / budget.PENDING_PER_SECOND
    assert trio.current_time() - begin == pytest.approx(took)


async def test_waiting_for_the_budget_can_be_cancelled(autojump_clock):
    budgets = budget.Budgets()
    # The budget stays empty.
    await budgets.admitted.spend(budget.ADMITTED_PER_PASS)
    with trio.move_on_after(1) as scope:
        await budgets.admitted.spend(1)
    assert scope.cancelled_caught
    async with trio.open_nursery() as service:
        service.start_soon(budgets.run)
        with trio.fail_after(1):
            await budgets.admitted.spend(1)
        service.cancel_scope.cancel()


async def turns_during(others, done):
    """Wait for an event, and return the number of turns of the probe meanwhile."""
    before = others.turns
    with trio.fail_after(DEADLINE):
        await done.wait()
    return others.turns - before


@pytest.mark.parametrize("kind", [0, 9, 10])
async def test_parsing_tiny_websocket_frames_does_not_block_other_tasks(serve, kind):
    """A pong and an empty continuation have no reply, so no turn ends with them."""
    many = 20_000
    served = await serve(asgi)
    async with await open_websocket(served) as stream, run_latency_probe() as others:
        data = ws_frame(kind, final=kind > 0) * (many if kind else 1000)
        first = ws_frame(1, b"x") if kind == 0 else b""
        done = trio.Event()

        async def read():
            # The replies to pings arrive first.
            while b"\x8a\x04last" not in await stream.receive_some():
                pass
            done.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(stream.send_all, first + data + ws_frame(9, b"last", final=True))
            turns = await turns_during(others, done)
    assert turns >= len(data) / budget.ADMITTED_PER_PASS / 2


async def test_refusing_requests_does_not_block_other_tasks(serve, monkeypatch):
    """Pipelined requests of a client that is never admitted."""

    async def refuse(scope, receive, send):
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    monkeypatch.setattr(budget, "PENDING_PER_SECOND", 10**9)
    served = await serve(refuse)
    many = 200
    async with await served.connect() as stream, run_latency_probe() as others:
        await stream.send_all(GET * many)
        got = b""
        with trio.fail_after(DEADLINE):
            while got.count(b"HTTP/1.1 401") < many:
                got += await stream.receive_some()
        assert others.turns >= many


async def test_parsing_tiny_chunks_does_not_block_other_tasks(serve):
    served = await serve(asgi)
    many = 5000
    async with await served.connect() as stream, run_latency_probe() as others:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, head + b"1\r\nx\r\n" * many + b"0\r\n\r\n")
            with trio.fail_after(DEADLINE):
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        assert others.turns >= many


async def test_priorities_of_too_many_streams_are_harmless(serve_h2, caplog):
    served = await serve_h2(asgi)
    async with await served.connect() as stream:
        client = H2(stream)
        await client.start()
        many = b"".join(h2_frame(2, 0, 2 * n + 1, b"\0\0\0\0\x10") for n in range(5000))
        await stream.send_all(many)
        assert await client.terminated(DEADLINE) == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    assert served.server.crashes == 0
    assert not caplog.messages


async def test_frames_of_twenty_connections_do_not_block_other_tasks(serve_h2):
    served = await serve_h2(asgi)
    many = budget.PENDING_BURST // len(h2_frame(0xBB)) - 100

    async def send_frames(stream):
        async with stream:
            client = H2(stream)
            await client.start()
            await stream.send_all(h2_frame(0xBB) * many)
            assert await client.terminated(DEADLINE) == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM

    streams = [await served.connect() for _ in range(20)]
    async with run_latency_probe() as others:
        async with trio.open_nursery() as nursery:
            for stream in streams:
                nursery.start_soon(send_frames, stream)
        # Each is parsed up to the frame that exceeds the limit.
        parsed = 20 * frames.MAX_FRAMES * len(h2_frame(0xBB))
        assert others.turns >= parsed / budget.PENDING_PER_PASS / 2


# Bulk


async def test_large_body_is_parsed_in_few_turns(serve):
    served = await serve(asgi)
    size = 4 * 1024 * 1024
    async with served.client() as client, run_latency_probe() as others:
        assert (await client.ask("POST", "/", bytes(size))).status == 200
        assert others.turns < size / budget.ADMITTED_PER_PASS


async def test_large_body_over_http2_arrives(serve_h2):
    served = await serve_h2(asgi)
    async with await served.connect() as stream:
        client = H2(stream)
        await client.start()
        await client.request((b":method", b"POST"), PATH, *PLACE, end=False)
        for number in range(5):
            client.h2.send_data(1, bytes(10_000), end_stream=number == 4)
        await client.flush()
        assert await client.status() == b"200"


async def test_request_after_a_body_is_parsed_as_a_request(serve):
    served = await serve(asgi)
    body = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n" + bytes(70_000)
    async with await served.connect() as stream, trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, (body + GET) * 3)
        got = b""
        with trio.fail_after(DEADLINE):
            while got.count(b"HTTP/1.1 200") < 6:
                got += await stream.receive_some()


@pytest.mark.parametrize("header", [b"Content-Length: 9000000000", b"Content-Length: 10"])
async def test_websocket_handshake_with_content_length_has_no_body(serve, header):
    served = await serve(asgi)
    many = 20_000
    async with await served.connect() as stream, run_latency_probe() as others:
        await stream.send_all(UPGRADE.replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n\r\n"))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
        await send_pongs(stream.send_all, stream, many)
        assert others.turns >= 6 * many / budget.ADMITTED_PER_PASS / 2


async def send_pongs(send, stream, many):
    """Send many pongs, then a ping, and wait for its reply."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, ws_frame(10, final=True) * many + ws_frame(9, b"last", final=True))
        with trio.fail_after(DEADLINE):
            while b"\x8a\x04last" not in await stream.receive_some():
                pass


LENGTHS = [b"Transfer-Encoding: chunked", b"Content-Length: 5"]


@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[::-1]])
async def test_request_with_two_lengths_is_refused_and_closes_the_connection(serve, lengths):
    """A proxy may use the other length (request smuggling)."""
    served = await serve(asgi)
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\n" + b"\r\n".join(lengths) + b"\r\n\r\n"
    async with await served.connect() as stream:
        await stream.send_all(head + b"0\r\n\r\n" + GET)
        answer = await read_to_end(stream)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"must not have both Transfer-Encoding and Content-Length" in answer
    assert answer.count(b"HTTP/1.1") == 1


async def cost(budgets, requests, **options):
    """Send requests of one byte on one connection; return the number of passes."""
    allowance = budget.Allowance(budgets, **options)
    async with run_latency_probe() as others:
        for _ in range(requests):
            await allowance.spend(1)
            await allowance.request()
        return others.turns


async def test_short_requests_are_limited_in_each_pass():
    budgets = budget.Budgets()
    async with trio.open_nursery() as service:
        service.start_soon(budgets.run)
        assert await cost(budgets, 100) > 20
        service.cancel_scope.cancel()


async def test_owner_does_not_wait_for_input_of_others():
    budgets = budget.Budgets()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(budgets.run)
        for each in (budgets.pending, budgets.admitted):
            for _ in range(1000):
                nursery.start_soon(each.spend, each.per_pass)
        await trio.testing.wait_all_tasks_blocked(0)
        assert await cost(budgets, 10, is_owner=True) < 10
        nursery.cancel_scope.cancel()


async def test_websocket_over_http2_is_parsed_in_pieces(serve_h2, monkeypatch):
    sizes = []
    handle = WSStream.handle

    async def spy(self, event):
        sizes.append(len(getattr(event, "data", b"")))
        await handle(self, event)

    monkeypatch.setattr(WSStream, "handle", spy)
    served = await serve_h2(asgi)
    pongs = ws_frame(10, final=True) * 2700
    async with await served.connect() as stream:
        client = H2(stream)
        await client.start()
        connect = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), PATH, *PLACE]
        await client.request(*connect, (b"sec-websocket-version", b"13"), end=False)
        assert await client.status() == b"200"
        for data in (pongs, pongs, pongs, ws_frame(9, b"last", final=True)):
            client.h2.send_data(1, data)
        await client.flush()
        with trio.fail_after(DEADLINE):
            while b"\x8a\x04last" not in await stream.receive_some():
                pass
    assert sum(sizes) > 3 * len(pongs)
    assert max(sizes) <= budget.ADMITTED_PER_PASS


async def test_rapid_reset_starts_few_requests_in_each_turn(serve_h2):
    """CVE-2023-44487: the limit of concurrent streams does not stop it."""
    started = Counter()

    async def app(scope, receive, send):
        started[others.turns] += 1
        await asgi(scope, receive, send)

    served = await serve_h2(app)

    async def admitted():
        client = H2(await served.connect())
        await client.start()
        await client.request(METHOD, PATH, *PLACE)
        assert await client.status() == b"200"
        return client

    async def flood(client):
        async with client.stream:
            for _ in range(20):
                number = client.h2.get_next_available_stream_id()
                client.h2.send_headers(number, [METHOD, PATH, *PLACE], end_stream=True)
                client.h2.reset_stream(number)
            await client.flush()
            await client.request(METHOD, PATH, *PLACE)
            assert await client.status() == b"200"

    async with run_latency_probe() as others:
        clients = [await admitted() for _ in range(40)]
        started.clear()
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(flood, client)
    assert sum(started.values()) == 40 * 21
    # Up to three passes grant the requests that start between two turns of the probe: tasks of one
    # pass run in any order, and some start a request one pass later.
    assert max(started.values()) <= 3 * budget.ADMITTED_PER_PASS / budget.STREAM_COST
