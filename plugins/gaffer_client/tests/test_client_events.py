"""Tests of event feeds, with lost connections."""

import json

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_client import (
    AsyncServer,
    ConnectionLostError,
    Event,
    InvalidValueError,
    NotGafferError,
    UnreachableError,
)

from .conftest import do, opened


async def happen(kernel, *names):
    for name in names:
        kernel.events.publish(name, name="test")


def sse(*events):
    messages = "".join(f"event: x\ndata: {json.dumps(event)}\n\n" for event in events)
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    return f"{head}content-length: {len(messages)}\r\n\r\n{messages}".encode()


async def test_events_after_subscription_are_received(server, kernel):
    async with opened(server.events) as events:
        await do(server.add_process, "nap", "sleep 1000", session="night")
        create, spawn = await events.until("create", "spawn")
    assert (create.name, create.session, create.job) == ("night.nap", "night", "nap")
    assert (spawn.pid, spawn.os_pid) == (1, kernel.manager.process(1).os_pid)
    assert spawn.seq > create.seq
    assert spawn.data["detach"] is False
    assert not spawn.is_gap


async def test_pattern_filters_events(server):
    async with opened(server.events, "proc.b.spawn") as events:
        for name in ("a", "b"):
            await do(server.add_process, name, "sleep 1000")
        event = await events.next()
    assert (event.event, event.name) == ("proc.b.spawn", "b")


async def test_events_since_number_come_first(server, kernel):
    await do(server.add_process, "a", "sleep 1000", wait=10)
    async with opened(server.events, since=0) as events:
        _, spawn = await events.until("create", "spawn")
        assert events.feed.seq == spawn.seq
    async with opened(server.events, "spawn", since=spawn.seq) as events:
        await do(server.job("a").add)
        assert (await events.next()).pid == 2


async def test_feed_resumes_after_lost_connection(connect, proxy, kernel):
    server = connect(proxy.url)
    async with opened(server.events, "tick") as events:
        await happen(kernel, "tick")
        first = await events.next()
        proxy.cut()
        await happen(kernel, "tick", "tick")
        second, third = await events.next(), await events.next()
    assert first.seq < second.seq < third.seq
    assert not any(event.is_gap for event in (first, second, third))
    assert f"last-event-id: {first.seq}".encode() in proxy.received.lower()


async def test_feed_reconnects_when_server_is_back(connect, proxy, kernel):
    server = connect(proxy.url)
    async with opened(server.events, "tick") as events:
        await happen(kernel, "tick")
        await events.next()
        target, proxy.target = proxy.target, None
        proxy.cut()
        await happen(kernel, "tick")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(restore_target, proxy, target)
            event = await events.next()
    assert event.event == "tick"


async def test_on_lost_is_called_once_per_loss(connect, proxy, kernel):
    losses_seen = []
    server = connect(proxy.url)
    async with opened(server.events, "tick", on_lost=losses_seen.append) as events:
        for losses in (1, 2):
            await happen(kernel, "tick")
            await events.next()
            target, proxy.target = proxy.target, None
            proxy.cut()
            await happen(kernel, "tick")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(restore_target, proxy, target)
                await events.next()
            assert len(losses_seen) == losses
    assert all(isinstance(error, ConnectionLostError) for error in losses_seen)


async def restore_target(proxy, target):
    connections = proxy.connections
    await until(lambda: proxy.connections > connections + 1)
    proxy.target = target


async def test_silent_connection_counts_as_lost(connect, proxy, kernel):
    server = connect(proxy.url, timeout=1)
    async with opened(server.events, "tick", heartbeat=0.1) as events:
        await happen(kernel, "tick")
        await events.next()
        proxy.frozen = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(thaw, proxy)
            await happen(kernel, "tick")
            assert (await events.next()).event == "tick"
    assert proxy.connections >= 2


async def thaw(proxy):
    connections = proxy.connections
    await until(lambda: proxy.connections > connections)
    proxy.frozen = False
    proxy.cut()


async def test_heartbeats_keep_idle_feed_open(connect, proxy, kernel):
    server = connect(proxy.url, timeout=1)
    chunks = proxy.chunks
    async with (
        opened(server.events, "tick", heartbeat=0.1) as events,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(do, events.next)
        # Ten heartbeats take longer than the read timeout.
        await until(lambda: proxy.chunks > chunks + 10)
        await happen(kernel, "tick")
    assert proxy.connections == 1


async def test_dropped_events_become_gap(connect, proxy, kernel):
    server = connect(proxy.url)
    async with opened(server.events, "tick") as events:
        await happen(kernel, "tick")
        first = await events.next()
        proxy.target, target = None, proxy.target
        proxy.cut()
        await happen(kernel, *["tick"] * 20_000)
        proxy.target = target
        gap, next_one = await events.next(), await events.next()
    assert gap.is_gap
    assert gap.dropped == gap.seq - first.seq > 1000
    assert next_one.seq == gap.seq + 1
    assert gap.seq > first.seq


async def test_gap_of_unknown_size_is_reported(connect, proxy, kernel):
    server = connect(proxy.url)
    async with opened(server.events, "tick") as events:
        proxy.cut()
        gap = await events.next()
        assert gap == Event(event="gap", name="gaffer")
        assert gap.dropped is None
        await happen(kernel, "tick")
        assert (await events.next()).event == "tick"


async def test_restart_of_gafferd_becomes_gap(connect, proxy, kernel, running_api):
    server = connect(proxy.url)
    async with opened(server.events) as events:
        await happen(kernel, *["tick"] * 100)
        await events.until(*["tick"] * 100)
        async with running_api() as other:
            proxy.target = other.services["http"].addresses[0]
            proxy.cut()
            gap = await events.next()
            await happen(other, "tock")
            [tock] = await events.until("tock")
    assert (gap.event, gap.restarted) == ("gap", True)
    assert tock.seq < 100


async def test_unreachable_server_raises_at_once(connect):
    with pytest.raises(UnreachableError):
        async with opened(connect("http://127.0.0.1:1").events):
            pass


async def test_feed_gives_up_after_reconnect_timeout(connect, proxy, kernel):
    server = connect(proxy.url)
    async with opened(server.events, reconnect_timeout=0.3) as events:
        proxy.target = None
        proxy.cut()
        with pytest.raises(ConnectionLostError):
            await events.until("end")


async def test_permanent_error_is_raised(connect, proxy, answering):
    server = connect(proxy.url)
    async with opened(server.events) as events:
        proxy.target = await answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
        proxy.cut()
        with pytest.raises(NotGafferError, match="text/event-stream"):
            await events.until("end")


@pytest.mark.parametrize("event", [[], {"name": "a"}, {"event": 1}, {"event": "a", "seq": "b"}])
async def test_invalid_event_raises_not_gaffer(connect, answering, event):
    server = connect(await answering(sse(event)))
    async with opened(server.events) as events:
        with pytest.raises(NotGafferError):
            await events.next()


async def test_invalid_arguments_raise(server):
    with pytest.raises(InvalidValueError, match="heartbeat"):
        async with opened(server.events, heartbeat=0.01):
            pass
    with pytest.raises(ValueError, match="since"):
        server.events(since=-1)


async def test_cancelled_wait_loses_no_event(url, kernel):
    server = AsyncServer(url)
    async with server, server.events("tick") as events:
        await happen(kernel, "tick")
        seen = [(await anext(events)).seq]
        for _ in range(20):
            with trio.move_on_after(0.01):
                seen.append((await anext(events)).seq)
            await happen(kernel, "tick")
        while len(seen) < 21:
            seen.append((await anext(events)).seq)
    assert len(set(seen)) == 21
    assert seen == sorted(seen)


async def test_iteration_outside_block_raises(url):
    async with AsyncServer(url) as server:
        events = server.events()
        with pytest.raises(RuntimeError):
            await anext(events)


async def test_closed_feed_releases_its_connection(connect, proxy, kernel):
    server = connect(proxy.url)
    for _ in range(3):
        async with opened(server.events):
            pass
    await until(lambda: not proxy._scopes)
    assert proxy.connections == 3


async def test_iteration_of_closed_feed_ends(url):
    from gaffer_client import Server

    with Server(url) as server:
        with await do(server.events) as events:
            pass
        assert list(events) == []
