"""The channel under load: credit, slow and disconnected clients, output floods, blocked input."""

import json
from pathlib import Path

import pytest
import trio
from gaffer_testing.waiting import until
from trio_websocket import ConnectionClosed

from ..channel_client import CommandError, open_channel, readers, shell, start

FLOOD = "exec yes 0123456789"


async def closed(channel):
    with pytest.raises(ConnectionClosed) as raised:
        await channel.receive()
    return raised.value.reason.code


def size(event):
    message = {"event": "gaffer:event", "data": event}
    return len(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode())


async def test_topic_without_credit_waits_while_others_continue(api):
    process = await start(api)
    async with open_channel(api) as channel:
        await channel.subscribe("STREAM:1", credit=0)
        await channel.subscribe("STREAM:1.stdout")
        for number in range(10):
            await process.write(f"{number}\n")
            assert (await channel.event())["topic"] == "STREAM:1.stdout"
        await channel.send("CREDIT", topic="STREAM:1", bytes=1)
        # The output of the meantime, in one message.
        event = await channel.event(topic="STREAM:1")
        assert event["data"] == "".join(f"{number}\n" for number in range(10))


async def test_credit_is_consumed_by_bytes_of_messages(api):
    process = await start(api)
    async with open_channel(api) as channel:
        await channel.subscribe("STREAM:1", credit=300)
        await channel.subscribe("STREAM:1.stdout")
        told = []
        for number in range(20):
            await process.write(f"{number}\n")
            await channel.event(topic="STREAM:1.stdout")
            assert await channel.do("pids") == {"pids": [1]}
            told, channel.events = told + channel.events, []
        # The last message may exceed the credit.
        assert sum(map(size, told[:-1])) < 300 <= sum(map(size, told))
        owed = sum(map(size, told)) - 300
        await channel.send("CREDIT", topic="STREAM:1", bytes=owed)
        assert await channel.do("pids") == {"pids": [1]}
        assert channel.events == []
        await channel.send("CREDIT", topic="STREAM:1", bytes=1)
        event = await channel.event()
        assert event["data"] == "".join(f"{number}\n" for number in range(len(told), 20))


async def test_waiting_topic_drops_its_oldest_output_and_reports_it(api):
    process = await shell(api, "read x; head -c 3000000 /dev/zero; echo last; cat")
    log = process.outputs.logs["out"]
    async with open_channel(api) as channel:
        await channel.subscribe("STREAM:1", credit=0)
        await process.write("\n")
        await until(lambda: log.end == 3_000_005)
        await channel.send("CREDIT", topic="STREAM:1", bytes=100_000_000)
        event = await channel.event()
        lost, got = event["lost"], event["data"]
        while not got.endswith("last\n"):
            event = await channel.event()
            assert "lost" not in event
            got += event["data"]
        assert lost + len(got) == 3_000_005
        assert lost >= 1_900_000


async def test_events_that_waited_for_credit_are_all_sent(api):
    async with open_channel(api) as channel:
        await channel.subscribe("EVENTS", credit=0)
        await start(api)
        assert await channel.do("pids") == {"pids": [1]}
        assert channel.events == []
        await channel.send("CREDIT", topic="EVENTS", bytes=10_000)
        for name in ("create", "start", "spawn"):
            assert (await channel.event())["event"] == name


async def test_credit_is_refused_for_topics_without_credit(api):
    async with open_channel(api) as channel:
        await channel.subscribe("EVENTS")
        for topic, slug in (("EVENTS", "conflict"), ("JOB:x", "not_subscribed")):
            await channel.send("CREDIT", topic=topic, bytes=1)
            message = await channel.answer()
            assert (message["event"], message["topic"]) == ("gaffer:subscription_error", topic)
            assert message["data"]["reason"] == slug


async def test_waiting_topic_can_be_unsubscribed(api):
    process = await shell(api, FLOOD)
    async with open_channel(api) as channel:
        await channel.subscribe("STREAM:1", credit=1)
        await channel.event()
        await channel.unsubscribe("STREAM:1")
        await until(lambda: readers(process) == 0)


async def test_messages_have_at_most_64_kib(api):
    # An escaped character takes six bytes.
    script = "read x; head -c 200000 /dev/zero; head -c 200000 /dev/zero | tr '\\0' '\\377'; echo ."
    process = await shell(api, script)
    async with open_channel(api) as channel:
        await channel.subscribe("STREAM:1")
        await process.write("\n")
        largest = 0
        while True:
            text = await channel.socket.get_message()
            largest = max(largest, len(text.encode()))
            if json.loads(text)["data"]["event"] == "end":
                break
        assert 32_768 < largest <= 65_536


async def test_flood_does_not_delay_commands_or_other_topics(api):
    await shell(api, FLOOD, "flood")
    quiet = await start(api, "quiet")
    async with open_channel(api) as channel:
        await channel.subscribe("STREAM:1")
        await channel.subscribe("STREAM:2")
        await channel.event(topic="STREAM:1")
        for number in range(5):
            with trio.fail_after(5):
                await channel.do("send", 2, f"{number}\n")
                assert (await channel.event(topic="STREAM:2"))["data"] == f"{number}\n"
            channel.events.clear()
        assert quiet.active


async def test_flood_to_a_slow_reader_uses_little_memory(api):
    processes = [await shell(api, FLOOD, f"flood{number}") for number in range(3)]
    async with open_channel(api) as channel:
        for number in (1, 2, 3):
            await channel.subscribe(f"STREAM:{number}")
        # From here on the client does not read.
        logs = [process.outputs.logs["out"] for process in processes]
        await until(lambda: all(log.end > 20_000_000 for log in logs))
        before = memory()
        await until(lambda: all(log.end > 120_000_000 for log in logs))
        assert memory() - before < 20_000_000


def memory():
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_process_that_does_not_read_blocks_only_its_own_input(api):
    await start(api, "stalled", cmd="sleep 100", redirect_input=True)
    await start(api, "quick")
    async with open_channel(api) as channel:
        await channel.subscribe("STREAM:2")
        # The pipe takes at most 1 MiB, the queue another one.
        asked = [await channel.ask("send", 1, "x" * 60_000) for _ in range(60)]
        quick = await channel.ask("send", 2, "quick\n")
        refused = []
        while (answer := await channel.answer())["data"]["id"] != quick:
            if answer["event"] == "gaffer:command_error":
                refused.append(answer["data"])
        assert answer["event"] == "gaffer:command_success"
        assert (await channel.event())["data"] == "quick\n"
        assert refused
        for each in refused:
            assert each["id"] in asked
            assert each["error"]["errno"] == 429
        # The others wait; they fail when the process exits.
        api.kernel.manager.get("stalled").killall("KILL")
        api.kernel.manager.unload("stalled")


async def test_too_many_waiting_commands_are_refused(api):
    await start(api, cmd="sleep 100", redirect_input=True)
    async with open_channel(api) as channel:
        for _ in range(20):
            await channel.ask("send", 1, "x" * 10_000)
        for _ in range(300):
            await channel.ask("send", 1, "x")
        errors = []
        while not errors:
            answer = await channel.answer()
            if answer["event"] == "gaffer:command_error":
                errors.append(answer["data"]["error"])
        assert (errors[0]["errno"], "commands are waiting" in errors[0]["message"]) == (429, True)


@pytest.mark.parametrize("politely", [True, False])
async def test_resources_of_a_disconnected_client_are_freed(api, politely):
    process = await shell(api, FLOOD)
    api_bus = api.kernel.events
    before = api_bus.subscribers
    async with open_channel(api) as channel:
        for topic in ("STREAM:1", "EVENTS", "PROCESS:1", "JOB:x"):
            await channel.subscribe(topic)
        assert (readers(process), api_bus.subscribers) == (1, before + 3)
        if politely:
            await channel.socket.aclose()
    with trio.fail_after(1):
        await until(lambda: (readers(process), api_bus.subscribers) == (0, before))


async def test_channel_closes_with_the_api(running_api):
    async with running_api() as api:
        process = await start(api)
        async with open_channel(api) as channel, trio.open_nursery() as nursery:
            await channel.subscribe("STREAM:1")
            before = trio.current_time()
            nursery.start_soon(api.kernel.plugins.close, "http")
            assert await closed(channel) == 1012
            assert trio.current_time() - before < 1
        await until(lambda: readers(process) == 0)


async def test_slow_readers_do_not_delay_shutdown(running_api):
    async with running_api() as api:
        process = await shell(api, FLOOD)
        log = process.outputs.logs["out"]
        async with open_channel(api) as one, open_channel(api) as other:
            for channel in (one, other):
                await channel.subscribe("STREAM:1")
            enough = log.end + 50_000_000
            await until(lambda: log.end > enough)
            before = trio.current_time()
            await api.kernel.plugins.close("http")
            assert trio.current_time() - before < 2
            await until(lambda: readers(process) == 0)


async def test_idle_client_stays_connected(api, monkeypatch):
    monkeypatch.setattr("gaffer_http.serve.connection.IDLE_TIMEOUT", 0.1)
    async with open_channel(api) as channel:
        # Longer than the idle timeout of a connection without a request.
        await trio.sleep(0.5)
        assert await channel.do("jobs") == {"jobs": []}


async def test_input_of_a_client_that_reads_no_replies_is_paused(api):
    process = await start(api, env={f"V{number}": "x" * 1000 for number in range(50)})
    async with open_channel(api) as channel, trio.open_nursery() as nursery:
        sent = 0

        async def ask():
            nonlocal sent
            for _ in range(100_000):
                await channel.ask("process_info", 1)
                sent += 1

        nursery.start_soon(ask)
        last = -1
        while last != sent:
            last = sent
            await trio.sleep(0.5)
        assert 0 < sent < 100_000
        nursery.cancel_scope.cancel()
    assert process.active


async def test_refused_commands_do_not_close_the_channel(api):
    async with open_channel(api) as channel:
        for _ in range(3):
            with pytest.raises(CommandError):
                await channel.subscribe("PROCESS:9")
        assert await channel.do("jobs") == {"jobs": []}
