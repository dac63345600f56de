"""Events that are resumed, whatever becomes of the connection."""

import json

import pytest
import trio
from tests.waiting import until

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


async def test_what_happens_after_subscribing_is_told(server, kernel):
    async with opened(server.events) as events:
        await do(server.add_process, "nap", "sleep 1000", session="night")
        create, spawn = await events.until("create", "spawn")
    assert (create.name, create.session, create.job) == ("night.nap", "night", "nap")
    assert (spawn.pid, spawn.os_pid) == (1, kernel.manager.process(1).os_pid)
    assert spawn.seq > create.seq
    assert spawn.data["detach"] is False
    assert not spawn.is_gap


async def test_only_those_of_a_pattern_are_told(server):
    async with opened(server.events, "proc.b.spawn") as events:
        for name in ("a", "b"):
            await do(server.add_process, name, "sleep 1000")
        event = await events.next()
    assert (event.event, event.name) == ("proc.b.spawn", "b")


async def test_those_since_a_number_come_first(server, kernel):
    await do(server.add_process, "a", "sleep 1000", wait=10)
    async with opened(server.events, since=0) as events:
        _, spawn = await events.until("create", "spawn")
        assert events.feed.seq == spawn.seq
    async with opened(server.events, "spawn", since=spawn.seq) as events:
        await do(server.job("a").add)
        assert (await events.next()).pid == 2


async def test_a_feed_that_is_cut_goes_on_after_the_last_event(connect, wire, kernel):
    server = connect(wire.url)
    async with opened(server.events, "tick") as events:
        await happen(kernel, "tick")
        first = await events.next()
        wire.cut()
        await happen(kernel, "tick", "tick")
        second, third = await events.next(), await events.next()
    assert first.seq < second.seq < third.seq
    assert not any(event.is_gap for event in (first, second, third))
    assert f"last-event-id: {first.seq}".encode() in wire.heard.lower()


async def test_it_comes_back_when_the_server_does(connect, wire, kernel):
    server = connect(wire.url)
    async with opened(server.events, "tick") as events:
        await happen(kernel, "tick")
        await events.next()
        to, wire.to = wire.to, None
        wire.cut()
        await happen(kernel, "tick")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give_back, wire, to)
            event = await events.next()
    assert event.event == "tick"


async def test_each_loss_is_told_once(connect, wire, kernel):
    told = []
    server = connect(wire.url)
    async with opened(server.events, "tick", on_lost=told.append) as events:
        for losses in (1, 2):
            await happen(kernel, "tick")
            await events.next()
            to, wire.to = wire.to, None
            wire.cut()
            await happen(kernel, "tick")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(give_back, wire, to)
                await events.next()
            assert len(told) == losses
    assert all(isinstance(error, ConnectionLostError) for error in told)


async def give_back(wire, to):
    connections = wire.connections
    await until(lambda: wire.connections > connections + 1)
    wire.to = to


async def test_a_dead_connection_is_noticed_by_its_silence(connect, wire, kernel):
    server = connect(wire.url, timeout=1)
    async with opened(server.events, "tick", heartbeat=0.1) as events:
        await happen(kernel, "tick")
        await events.next()
        wire.frozen = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(thaw, wire)
            await happen(kernel, "tick")
            assert (await events.next()).event == "tick"
    assert wire.connections >= 2


async def thaw(wire):
    connections = wire.connections
    await until(lambda: wire.connections > connections)
    wire.frozen = False
    wire.cut()


async def test_a_quiet_feed_lives_by_its_heartbeat(connect, wire, kernel):
    server = connect(wire.url, timeout=1)
    heard = wire.said
    async with (
        opened(server.events, "tick", heartbeat=0.1) as events,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(do, events.next)
        # Ten beats are longer than the longest silence.
        await until(lambda: wire.said > heard + 10)
        await happen(kernel, "tick")
    assert wire.connections == 1


async def test_events_that_are_gone_are_told_as_a_gap(connect, wire, kernel):
    server = connect(wire.url)
    async with opened(server.events, "tick") as events:
        await happen(kernel, "tick")
        first = await events.next()
        wire.to, to = None, wire.to
        wire.cut()
        await happen(kernel, *["tick"] * 20_000)
        wire.to = to
        gap, next_one = await events.next(), await events.next()
    assert gap.is_gap
    assert gap.dropped == gap.seq - first.seq > 1000
    assert next_one.seq == gap.seq + 1
    assert gap.seq > first.seq


async def test_a_gap_that_nobody_can_count_is_told_too(connect, wire, kernel):
    server = connect(wire.url)
    async with opened(server.events, "tick") as events:
        wire.cut()
        gap = await events.next()
        assert gap == Event(event="gap", name="gaffer")
        assert gap.dropped is None
        await happen(kernel, "tick")
        assert (await events.next()).event == "tick"


async def test_a_new_run_of_gafferd_is_told(connect, wire, kernel, running_api):
    server = connect(wire.url)
    async with opened(server.events) as events:
        await happen(kernel, *["tick"] * 100)
        await events.until(*["tick"] * 100)
        async with running_api() as other:
            wire.to = other.services["http"].addresses[0]
            wire.cut()
            gap = await events.next()
            await happen(other, "tock")
            [tock] = await events.until("tock")
    assert (gap.event, gap.restarted) == ("gap", True)
    assert tock.seq < 100


async def test_nobody_there_at_the_beginning_is_an_error_at_once(connect):
    with pytest.raises(UnreachableError):
        async with opened(connect("http://127.0.0.1:1").events):
            pass


async def test_it_gives_up_when_its_patience_ends(connect, wire, kernel):
    server = connect(wire.url)
    async with opened(server.events, reconnect_timeout=0.3) as events:
        wire.to = None
        wire.cut()
        with pytest.raises(ConnectionLostError):
            await events.until("end")


async def test_what_will_not_pass_is_raised(connect, wire, answering):
    server = connect(wire.url)
    async with opened(server.events) as events:
        wire.to = await answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
        wire.cut()
        with pytest.raises(NotGafferError, match="text/event-stream"):
            await events.until("end")


@pytest.mark.parametrize("event", [[], {"name": "a"}, {"event": 1}, {"event": "a", "seq": "b"}])
async def test_what_is_no_event_is_not_gaffers(connect, answering, event):
    server = connect(await answering(sse(event)))
    async with opened(server.events) as events:
        with pytest.raises(NotGafferError):
            await events.next()


async def test_wrong_questions_are_refused(server):
    with pytest.raises(InvalidValueError, match="heartbeat"):
        async with opened(server.events, heartbeat=0.01):
            pass
    with pytest.raises(ValueError, match="since"):
        server.events(since=-1)


async def test_a_cancelled_wait_loses_nothing(url, kernel):
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


async def test_events_are_told_in_their_block_only(url):
    async with AsyncServer(url) as server:
        events = server.events()
        with pytest.raises(RuntimeError):
            await anext(events)


async def test_a_feed_frees_its_connection(connect, wire, kernel):
    server = connect(wire.url)
    for _ in range(3):
        async with opened(server.events):
            pass
    await until(lambda: not wire._scopes)
    assert wire.connections == 3


async def test_the_loop_of_a_closed_feed_ends(url):
    from gaffer_client import Server

    with Server(url) as server:
        with await do(server.events) as events:
            pass
        assert list(events) == []
