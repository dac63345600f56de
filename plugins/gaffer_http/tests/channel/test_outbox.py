"""The channel under load: credit, clients that are slow or gone, processes that flood or stall."""

import json
from pathlib import Path

import pytest
import trio
from gaffer_testing.waiting import until
from trio_websocket import ConnectionClosed

from ..channel_client import Refused, readers, shell, start, talking

FLOOD = "exec yes 0123456789"


async def closed(talker):
    with pytest.raises(ConnectionClosed) as raised:
        await talker.hear()
    return raised.value.reason.code


def size(event):
    message = {"event": "gaffer:event", "data": event}
    return len(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode())


async def test_a_topic_without_credit_waits_while_others_go_on(api):
    process = await start(api)
    async with talking(api) as talker:
        await talker.subscribe("STREAM:1", credit=0)
        await talker.subscribe("STREAM:1.stdout")
        for number in range(10):
            await process.write(f"{number}\n")
            assert (await talker.event())["topic"] == "STREAM:1.stdout"
        await talker.say("CREDIT", topic="STREAM:1", bytes=1)
        # All that has come meanwhile, in one.
        event = await talker.event(topic="STREAM:1")
        assert event["data"] == "".join(f"{number}\n" for number in range(10))


async def test_credit_is_used_up_by_the_bytes_of_messages(api):
    process = await start(api)
    async with talking(api) as talker:
        await talker.subscribe("STREAM:1", credit=300)
        await talker.subscribe("STREAM:1.stdout")
        told = []
        for number in range(20):
            await process.write(f"{number}\n")
            await talker.event(topic="STREAM:1.stdout")
            assert await talker.do("pids") == {"pids": [1]}
            told, talker.events = told + talker.events, []
        # The last one may overdraw it.
        assert sum(map(size, told[:-1])) < 300 <= sum(map(size, told))
        owed = sum(map(size, told)) - 300
        await talker.say("CREDIT", topic="STREAM:1", bytes=owed)
        assert await talker.do("pids") == {"pids": [1]}
        assert talker.events == []
        await talker.say("CREDIT", topic="STREAM:1", bytes=1)
        event = await talker.event()
        assert event["data"] == "".join(f"{number}\n" for number in range(len(told), 20))


async def test_a_topic_that_waits_loses_its_oldest_and_says_so(api):
    process = await shell(api, "read x; head -c 3000000 /dev/zero; echo last; cat")
    log = process.outputs.logs["out"]
    async with talking(api) as talker:
        await talker.subscribe("STREAM:1", credit=0)
        await process.write("\n")
        await until(lambda: log.end == 3_000_005)
        await talker.say("CREDIT", topic="STREAM:1", bytes=100_000_000)
        event = await talker.event()
        lost, got = event["lost"], event["data"]
        while not got.endswith("last\n"):
            event = await talker.event()
            assert "lost" not in event
            got += event["data"]
        assert lost + len(got) == 3_000_005
        assert lost >= 1_900_000


async def test_events_that_waited_for_credit_are_all_told(api):
    async with talking(api) as talker:
        await talker.subscribe("EVENTS", credit=0)
        await start(api)
        assert await talker.do("pids") == {"pids": [1]}
        assert talker.events == []
        await talker.say("CREDIT", topic="EVENTS", bytes=10_000)
        for name in ("create", "start", "spawn"):
            assert (await talker.event())["event"] == name


async def test_credit_is_for_topics_that_have_some(api):
    async with talking(api) as talker:
        await talker.subscribe("EVENTS")
        for topic, slug in (("EVENTS", "conflict"), ("JOB:x", "not_subscribed")):
            await talker.say("CREDIT", topic=topic, bytes=1)
            message = await talker.answer()
            assert (message["event"], message["topic"]) == ("gaffer:subscription_error", topic)
            assert message["data"]["reason"] == slug


async def test_a_topic_that_waits_can_be_left(api):
    process = await shell(api, FLOOD)
    async with talking(api) as talker:
        await talker.subscribe("STREAM:1", credit=1)
        await talker.event()
        await talker.unsubscribe("STREAM:1")
        await until(lambda: readers(process) == 0)


async def test_messages_are_not_larger_than_64_kib(api):
    # What has to be escaped takes six times as much.
    script = "read x; head -c 200000 /dev/zero; head -c 200000 /dev/zero | tr '\\0' '\\377'; echo ."
    process = await shell(api, script)
    async with talking(api) as talker:
        await talker.subscribe("STREAM:1")
        await process.write("\n")
        largest = 0
        while True:
            text = await talker.socket.get_message()
            largest = max(largest, len(text.encode()))
            if json.loads(text)["data"]["event"] == "end":
                break
        assert 32_768 < largest <= 65_536


async def test_a_flood_does_not_hold_up_commands_or_other_topics(api):
    await shell(api, FLOOD, "flood")
    quiet = await start(api, "quiet")
    async with talking(api) as talker:
        await talker.subscribe("STREAM:1")
        await talker.subscribe("STREAM:2")
        await talker.event(topic="STREAM:1")
        for number in range(5):
            with trio.fail_after(5):
                await talker.do("send", 2, f"{number}\n")
                assert (await talker.event(topic="STREAM:2"))["data"] == f"{number}\n"
            talker.events.clear()
        assert quiet.active


async def test_a_flood_to_a_client_that_does_not_read_takes_little_memory(api):
    processes = [await shell(api, FLOOD, f"flood{number}") for number in range(3)]
    async with talking(api) as talker:
        for number in (1, 2, 3):
            await talker.subscribe(f"STREAM:{number}")
        # From here on nobody reads.
        logs = [process.outputs.logs["out"] for process in processes]
        await until(lambda: all(log.end > 20_000_000 for log in logs))
        before = memory()
        await until(lambda: all(log.end > 120_000_000 for log in logs))
        assert memory() - before < 20_000_000


def memory():
    """Bytes of this process that are resident."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_a_process_that_does_not_read_holds_up_only_what_is_sent_to_it(api):
    await start(api, "stalled", cmd="sleep 100", redirect_input=True)
    await start(api, "quick")
    async with talking(api) as talker:
        await talker.subscribe("STREAM:2")
        # The pipe takes a MiB at the most, the queue another one.
        asked = [await talker.ask("send", 1, "x" * 60_000) for _ in range(60)]
        quick = await talker.ask("send", 2, "quick\n")
        refused = []
        while (answer := await talker.answer())["data"]["id"] != quick:
            if answer["event"] == "gaffer:command_error":
                refused.append(answer["data"])
        assert answer["event"] == "gaffer:command_success"
        assert (await talker.event())["data"] == "quick\n"
        assert refused
        for each in refused:
            assert each["id"] in asked
            assert each["error"]["errno"] == 429
        # The others wait; they fail when the process has gone.
        api.kernel.manager.get("stalled").killall("KILL")
        api.kernel.manager.unload("stalled")


async def test_too_many_commands_that_wait(api):
    await start(api, cmd="sleep 100", redirect_input=True)
    async with talking(api) as talker:
        for _ in range(20):
            await talker.ask("send", 1, "x" * 10_000)
        for _ in range(300):
            await talker.ask("send", 1, "x")
        errors = []
        while not errors:
            answer = await talker.answer()
            if answer["event"] == "gaffer:command_error":
                errors.append(answer["data"]["error"])
        assert (errors[0]["errno"], "commands are waiting" in errors[0]["message"]) == (429, True)


@pytest.mark.parametrize("politely", [True, False])
async def test_a_client_that_goes_is_freed(api, politely):
    process = await shell(api, FLOOD)
    api_bus = api.kernel.events
    before = api_bus.subscribers
    async with talking(api) as talker:
        for topic in ("STREAM:1", "EVENTS", "PROCESS:1", "JOB:x"):
            await talker.subscribe(topic)
        assert (readers(process), api_bus.subscribers) == (1, before + 3)
        if politely:
            await talker.socket.aclose()
    with trio.fail_after(1):
        await until(lambda: (readers(process), api_bus.subscribers) == (0, before))


async def test_it_closes_with_the_api(running_api):
    async with running_api() as api:
        process = await start(api)
        async with talking(api) as talker, trio.open_nursery() as nursery:
            await talker.subscribe("STREAM:1")
            before = trio.current_time()
            nursery.start_soon(api.kernel.plugins.close, "http")
            assert await closed(talker) == 1012
            assert trio.current_time() - before < 1
        await until(lambda: readers(process) == 0)


async def test_clients_that_do_not_read_do_not_keep_the_api_from_closing(running_api):
    async with running_api() as api:
        process = await shell(api, FLOOD)
        log = process.outputs.logs["out"]
        async with talking(api) as one, talking(api) as other:
            for talker in (one, other):
                await talker.subscribe("STREAM:1")
            enough = log.end + 50_000_000
            await until(lambda: log.end > enough)
            before = trio.current_time()
            await api.kernel.plugins.close("http")
            assert trio.current_time() - before < 2
            await until(lambda: readers(process) == 0)


async def test_a_quiet_client_stays(api, monkeypatch):
    monkeypatch.setattr("gaffer_http.serve.connection.IDLE_TIMEOUT", 0.1)
    async with talking(api) as talker:
        # Time has to pass, more than a connection without a request may last.
        await trio.sleep(0.5)
        assert await talker.do("jobs") == {"jobs": []}


async def test_a_client_that_asks_without_reading_is_read_no_more(api):
    process = await start(api, env={f"V{number}": "x" * 1000 for number in range(50)})
    async with talking(api) as talker, trio.open_nursery() as nursery:
        sent = 0

        async def ask():
            nonlocal sent
            for _ in range(100_000):
                await talker.ask("process_info", 1)
                sent += 1

        nursery.start_soon(ask)
        last = -1
        while last != sent:
            last = sent
            await trio.sleep(0.5)
        assert 0 < sent < 100_000
        nursery.cancel_scope.cancel()
    assert process.active


async def test_refusals_do_not_end_the_channel(api):
    async with talking(api) as talker:
        for _ in range(3):
            with pytest.raises(Refused):
                await talker.subscribe("PROCESS:9")
        assert await talker.do("jobs") == {"jobs": []}
