"""Tests of the channel: subscriptions, commands, reconnects."""

import math

import pytest
import trio
from gaffer_testing.waiting import until

from gaffer_client import (
    ArgumentError,
    AsyncServer,
    ConflictError,
    ConnectionLostError,
    Event,
    InvalidValueError,
    NotFoundError,
    NotGafferError,
    Output,
    UnreachableError,
)
from gaffer_client.channel.subscription import WINDOW

CAT = {"redirect_output": ["out", "err"], "redirect_input": True}


@pytest.fixture
async def server(proxy):
    async with AsyncServer(proxy.url) as server:
        yield server


@pytest.fixture
async def channel(server):
    async with server.channel() as channel:
        yield channel


async def start_cat(server, cmd="cat", **fields):
    job = await server.add_process("cat", cmd, **CAT, **fields, wait=10)
    return (await job.pids())[0]


async def read_until(subscription, text):
    """Read output until it ends with a text."""
    got = b""
    while not got.endswith(text):
        got += (await anext(subscription)).data
    return got


async def test_commands_return_results_and_errors(channel):
    config = {"name": "nap", "cmd": "sleep 1000"}
    assert await channel.command("load", config, sessionid="night") == {"ok": True}
    assert await channel.command("scale", "night.nap", 2) == {"numprocesses": 3}
    assert await channel.command("jobs") == {"jobs": ["night.nap"]}
    with pytest.raises(NotFoundError, match="no job 'x'") as raised:
        await channel.command("info", "x")
    assert raised.value.error == "not_found"
    with pytest.raises(NotFoundError, match="command"):
        await channel.command("fly")


async def test_hundred_concurrent_commands_get_their_own_results(channel):
    await channel.command("load", {"name": "a", "cmd": "sleep 1000", "numprocesses": 0})
    numbers = []

    async def add():
        numbers.append((await channel.command("scale", "a", 1))["numprocesses"])

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(add)
    assert sorted(numbers) == list(range(1, 101))
    await channel.command("scale", "a", "=0")


async def test_events_of_all_of_a_job_and_of_a_process(channel, kernel):
    async with channel.events() as everything, channel.events(job="b") as of_b:
        for name in ("a", "b"):
            await channel.command("load", {"name": name, "cmd": "sleep 1000"})
        names = []
        while "spawn" not in [event.event for event in names if event.name == "b"]:
            names.append(await anext(everything))
        assert {event.name for event in names} >= {"a", "b"}
        event = await anext(of_b)
        while event.event != "spawn":
            assert event.name == "b"
            event = await anext(of_b)
        async with channel.events(pid=event.pid) as of_process:
            await channel.command("stop_process", event.pid)
            ends = [each.event async for each in of_process]
    assert ends[-1] == "exit"


async def test_events_since_number_come_first(channel, kernel):
    kernel.events.publish("tick", name="a")
    seq = kernel.events.publish("tick", name="a").seq
    async with channel.events(since=seq - 1) as events:
        assert (await anext(events)).seq == seq


async def test_input_comes_back_as_output(channel, server):
    pid = await start_cat(server)
    async with channel.output(pid, "out") as output:
        await channel.write(pid, "für\n")
        piece = await anext(output)
        assert piece == Output("out", "für\n".encode())
        long = "x" * 100_000 + "\n"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.write, pid, long)
            assert await read_until(output, b"\n") == long.encode()


async def test_binary_output_is_received(channel, server):
    pid = await start_cat(server)
    async with channel.output(pid) as output:
        await server.process(pid).write(b"\xff\xfe\n")
        assert await read_until(output, b"\n") == b"\xff\xfe\n"


async def test_output_ends_at_exit(channel, server):
    pid = await start_cat(server, "sh -c 'read go; echo gone'")
    async with channel.output(pid) as output:
        await channel.write(pid, "go\n")
        assert b"".join([piece.data async for piece in output]) == b"gone\n"


async def test_samples_of_job_and_process(channel, server):
    pid = await start_cat(server)
    async with channel.job_stats("cat") as of_job, channel.process_stats(pid) as of_process:
        assert [each.pid for each in (await anext(of_job)).stats] == [pid]
        assert (await anext(of_process)).mem_info1 > 0


async def test_invalid_subscription_raises(channel, server):
    with pytest.raises(NotFoundError):
        async with channel.output(99):
            pass
    job = await server.add_process("nap", "sleep 1000", wait=10, redirect_output=[])
    [pid] = await job.pids()
    with pytest.raises(InvalidValueError, match="redirect"):
        async with channel.output(pid):
            pass
    with pytest.raises(ArgumentError):
        channel.events(job="a", pid=1)
    async with channel.events():
        with pytest.raises(ConflictError):
            async with channel.events():
                pass


async def test_too_large_or_unencodable_command_is_not_sent(channel):
    with pytest.raises(ArgumentError, match="65536"):
        await channel.command("load", {"name": "a", "cmd": "x" * 70_000})
    for value in (math.nan, object()):
        with pytest.raises(ArgumentError):
            await channel.command("info", value)
    assert await channel.command("jobs") == {"jobs": []}


async def test_unread_subscription_is_bounded_and_blocks_no_other(channel, server):
    pid = await start_cat(server, "sh -c 'read go; yes; read go'")
    async with channel.output(pid) as output:
        await channel.write(pid, "go\n")
        with trio.fail_after(20):
            while output.reset_credit() > 1:
                await channel.command("pids")
        waiting = sum(size for _, size in output._buffer)
        assert WINDOW <= waiting < WINDOW + 100_000
        lost = 0
        while not lost:
            lost = (await anext(output)).lost
    await channel.command("killall", "cat", "KILL")


async def test_cancelled_wait_loses_no_event(channel, kernel):
    async with channel.events(job="t") as events:
        seen = []
        for number in range(20):
            with trio.move_on_after(0.002):
                while True:
                    seen.append((await anext(events)).data["number"])
            kernel.events.publish("tick", name="t", session="default", job="t", number=number)
        while len(seen) < 20:
            seen.append((await anext(events)).data["number"])
    assert seen == list(range(20))


async def test_subscription_ends_with_its_block(channel):
    for _ in range(60):
        # More than the server allows at a time.
        async with channel.events():
            pass
    assert await channel.command("jobs") == {"jobs": []}


async def test_exception_in_block_is_raised_unwrapped(server):
    with pytest.raises(KeyError, match="mine"):
        async with server.channel():
            raise KeyError("mine")


async def test_unreachable_server_raises_at_once(answering):
    async with AsyncServer("http://127.0.0.1:1") as server:
        with pytest.raises(UnreachableError):
            async with server.channel():
                pass
    async with AsyncServer(
        await answering(b"HTTP/1.1 404 x\r\ncontent-length: 2\r\n\r\n{}")
    ) as server:
        with pytest.raises(NotGafferError):
            async with server.channel():
                pass


async def test_events_resume_after_lost_connection(channel, kernel, proxy):
    async with channel.events() as events:
        kernel.events.publish("tick", name="a")
        first = await anext(events)
        proxy.cut()
        kernel.events.publish("tock", name="a")
        second = await anext(events)
    assert (second.event, second.seq) == ("tock", first.seq + 1)


async def test_events_resume_with_gap_if_none_was_received(channel, kernel, proxy):
    async with channel.events(job="t") as events:
        proxy.cut()
        assert await anext(events) == Event(event="gap", name="gaffer")
        kernel.events.publish("tick", name="t", session="default", job="t")
        assert (await anext(events)).event == "tick"


async def test_output_resumes_with_unknown_loss(channel, server, proxy):
    pid = await start_cat(server)
    async with channel.output(pid, "out") as output, channel.process_stats(pid) as samples:
        await channel.write(pid, "one\n")
        assert await read_until(output, b"\n") == b"one\n"
        proxy.cut()
        assert await anext(output) == Output("", b"", None)
        await channel.command("pids")
        await channel.write(pid, "two\n")
        assert await read_until(output, b"\n") == b"two\n"
        for _ in range(12):
            # More than can have waited here since before.
            assert (await anext(samples)).pid == pid


async def test_same_pid_of_another_run_ends_subscription(channel, server, proxy, running_api):
    pid = await start_cat(server)
    async with channel.output(pid) as output, running_api() as other:
        proxy.target = other.services["http"].addresses[0]
        async with AsyncServer(proxy.target) as same:
            assert await start_cat(same) == pid
        proxy.cut()
        assert [piece async for piece in output] == [Output("", b"", None)]


async def test_command_without_response_raises(channel, server, proxy):
    pid = await start_cat(server, "sleep 1000")
    async with trio.open_nursery() as nursery:

        async def write():
            with pytest.raises(ConnectionLostError, match="no response"):
                # sleep does not read its standard input, so the pipe fills up.
                await channel.write(pid, "x" * 1_000_000)

        nursery.start_soon(write)
        await trio.testing.wait_all_tasks_blocked(0.3)
        proxy.cut()
    assert "pids" in await channel.command("pids")


async def test_channel_gives_up_after_reconnect_timeout(server, proxy):
    async with server.channel(reconnect_timeout=0.3) as channel, channel.events() as events:
        proxy.target = None
        proxy.cut()
        with pytest.raises(ConnectionLostError):
            await anext(events)
        with pytest.raises(ConnectionLostError):
            await channel.command("pids")


async def test_silent_connection_counts_as_lost(server, proxy, kernel):
    async with server.channel(heartbeat=0.2) as channel, channel.events(job="t") as events:
        proxy.frozen = True
        await until(lambda: proxy.connections > 1)
        proxy.frozen = False
        proxy.cut()
        assert (await anext(events)).is_gap
        assert await channel.command("jobs") == {"jobs": []}


async def test_pings_keep_idle_channel_open(server, proxy):
    async with server.channel(heartbeat=0.05) as channel:
        chunks = proxy.chunks
        await until(lambda: proxy.chunks > chunks + 10)
        await channel.command("pids")
    assert proxy.connections == 1


async def test_closed_channel_raises(server):
    async with server.channel() as channel:
        pass
    with pytest.raises(ConnectionLostError, match="closed"):
        await channel.command("pids")
    with pytest.raises(ConnectionLostError, match="closed"):
        async with channel.events():
            pass
