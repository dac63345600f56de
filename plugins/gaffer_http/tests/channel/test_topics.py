"""Each topic of the channel: its messages and its end."""

import base64

import pytest
from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_testing.waiting import until

from ..channel_client import CommandError, open_channel, readers, shell, start


@pytest.fixture
async def channel(api):
    async with open_channel(api) as channel:
        yield channel


async def names(channel, last):
    """Return the names of events up to the name `last`."""
    found = []
    while last not in found:
        found.append((await channel.event())["event"])
    return found


async def test_events_are_sent_once_with_plain_names(api, channel):
    await channel.subscribe("EVENTS")
    await start(api)
    events = [await channel.event() for _ in range(3)]
    assert [event["event"] for event in events] == ["create", "start", "spawn"]
    assert [event["seq"] for event in events] == list(range(events[0]["seq"], events[0]["seq"] + 3))
    assert {event["topic"] for event in events} == {"EVENTS"}
    spawn = events[-1]
    assert (spawn["name"], spawn["session"], spawn["job"], spawn["pid"]) == ("x", "default", "x", 1)


async def test_commands_publish_events(api, channel):
    await channel.subscribe("EVENTS")
    await channel.do("load", {"name": "x", "cmd": "sleep 100"})
    await channel.do("update", {"name": "x", "cmd": "sleep 101"})
    await channel.do("stop_job", "x")
    await channel.do("unload", "x")
    seen = await names(channel, "delete")
    assert [each for each in seen if each in ("create", "update", "stop", "delete")] == [
        *("create", "update", "stop", "delete")
    ]


async def test_events_continue_after_a_number(api, channel):
    await start(api)
    await channel.subscribe("EVENTS", since=0)
    first = await channel.event()
    await channel.event("spawn")
    await channel.unsubscribe("EVENTS")
    await channel.subscribe("EVENTS", since=first["seq"])
    assert (await channel.event())["seq"] == first["seq"] + 1


async def test_missing_events_are_reported_as_a_gap(api, channel):
    await start(api)
    await channel.subscribe("EVENTS", since=10_000)
    gap = await channel.event()
    assert (gap["event"], gap["topic"], gap["restarted"]) == ("gap", "EVENTS", True)
    await channel.event("spawn")


async def test_unsubscribed_topics_send_nothing(api, channel):
    for topic in ("EVENTS", "JOB:x"):
        await channel.subscribe(topic)
        await channel.unsubscribe(topic)
    await start(api)
    # An event would have arrived before the reply.
    assert await channel.do("jobs") == {"jobs": ["x"]}
    assert channel.events == []


async def test_job_topic_sends_events_of_one_job(api, channel):
    await channel.subscribe("JOB:shop.x")
    await start(api, "x")
    await start(api, "x", "shop")
    await channel.do("stop_job", "shop.x")
    assert (await names(channel, "exit"))[:3] == ["create", "start", "spawn"]
    await channel.unsubscribe("JOB:shop.x")


async def test_job_topic_follows_later_and_reloaded_jobs(api, channel):
    await channel.subscribe("JOB:x")
    for _ in range(2):
        await start(api)
        job = api.kernel.manager.unload("x")
        await job.gone.wait()
        assert "create" in await names(channel, "delete")


async def test_process_topic_ends_with_the_process(api, channel):
    process, _ = await start(api), await start(api, "other")
    await channel.subscribe("PROCESS:1", since=0)
    assert (await channel.event())["event"] == "spawn"
    api.kernel.manager.unload("other")
    api.kernel.manager.unload("x")
    seen = []
    while "end" not in seen:
        event = await channel.event()
        assert event.get("pid", 1) == process.pid
        seen.append(event["event"])
    assert seen[-2:] == ["exit", "end"]
    with pytest.raises(CommandError) as refused:
        await channel.unsubscribe("PROCESS:1")
    assert (refused.value.status, refused.value.slug) == (404, "not_subscribed")


async def test_unsubscribed_process_topic_sends_nothing(api, channel):
    process = await start(api)
    await channel.subscribe("PROCESS:1")
    await channel.unsubscribe("PROCESS:1")
    process.stop()
    await until(lambda: process.exit_status)
    await channel.do("pids")
    assert channel.events == []


@pytest.mark.parametrize("topic", ["STREAM:1", "STREAM:1.stdout"])
async def test_output_is_sent_as_text(api, channel, topic):
    process = await start(api)
    await channel.subscribe(topic)
    await process.write("\u20ac\n")
    known = {"event": "output", "topic": topic, "pid": 1, "name": "x", "label": "stdout"}
    assert await channel.event() == {**known, "data": "\u20ac\n"}
    await channel.unsubscribe(topic)
    await until(lambda: readers(process) == 0)


async def test_output_that_is_not_utf_8_is_sent_as_base64(api, channel):
    process = await start(api)
    await channel.subscribe("STREAM:1")
    await process.write(b"\xff\n")
    event = await channel.event()
    assert "data" not in event
    assert base64.b64decode(event["data_base64"]) == b"\xff\n"


async def test_incomplete_character_is_held_until_complete_or_the_end(api, channel):
    process = await shell(api, r"read x; printf 'a\342\202'; read x; printf '\254\342\202'")
    await channel.subscribe("STREAM:1")
    await process.write("\n")
    assert (await channel.event())["data"] == "a"
    await process.write("\n")
    assert (await channel.event())["data"] == "\u20ac"
    assert base64.b64decode((await channel.event())["data_base64"]) == b"\xe2\x82"
    assert await channel.event() == {"event": "end", "topic": "STREAM:1"}


async def test_each_output_has_its_own_topic(api, channel):
    process = await shell(api, "read x; echo 1; echo 2 >&2; cat", redirect_output=("out", "err"))
    await channel.subscribe("STREAM:1.err")
    await channel.subscribe("STREAM:1.out")
    await process.write("\n")
    assert (await channel.event(topic="STREAM:1.out"))["data"] == "1\n"
    assert (await channel.event(topic="STREAM:1.err"))["data"] == "2\n"


async def test_last_output_is_sent_before_the_end(api, channel):
    process = await shell(api, "read x; head -c 500000 /dev/zero; echo last")
    await channel.subscribe("STREAM:1")
    await process.write("\n")
    got = ""
    while (event := await channel.event())["event"] != "end":
        got += event["data"]
    assert got == "\0" * 500_000 + "last\n"


@pytest.mark.parametrize("topic", ["STATS:shop.x", "STATS:1"])
async def test_stats_topics_send_samples(running_api, topic):
    async with running_api(stats_plugin) as api, open_channel(api) as channel:
        process = await start(api, "x", "shop")
        await channel.subscribe(topic)
        for _ in range(2):
            event = await channel.event()
            assert (event["event"], event["topic"]) == ("stat", topic)
            assert event["cpu"] is not None
            sample = event if topic == "STATS:1" else event["stats"][0]
            assert (sample["pid"], sample["os_pid"]) == (1, process.os_pid)
        await channel.unsubscribe(topic)
        await channel.subscribe(topic)
        api.kernel.manager.unload("shop.x")
        await channel.event("end")


@pytest.mark.parametrize(
    ("topic", "status", "slug"),
    [
        ("EVENT", 404, "unknown_topic"),
        ("EVENTS:x", 404, "unknown_topic"),
        ("JOB", 404, "unknown_topic"),
        ("JOB:", 404, "unknown_topic"),
        ("JOB:a b", 400, "invalid_name"),
        ("JOB:1", 400, "invalid_name"),
        ("PROCESS:9", 404, "not_found"),
        ("PROCESS:x", 404, "not_found"),
        ("STREAM:9", 404, "not_found"),
        ("STREAM:x.out", 404, "not_found"),
        ("STREAM:1", 400, "io_not_redirected"),
        ("STREAM:1.out", 400, "io_not_redirected"),
        ("STREAM:2.nope", 404, "io_not_found"),
        ("STREAM:2.", 404, "io_not_found"),
        ("STREAM:2..", 404, "io_not_found"),
        ("STATS:x", 404, "not_found"),
        ("STATS:9", 404, "not_found"),
        ("STATS:1", 404, "not_found"),
    ],
)
async def test_invalid_topics_are_refused(api, channel, topic, status, slug):
    await start(api, "mute", cmd="sleep 100", redirect_output=())
    await start(api)
    with pytest.raises(CommandError) as refused:
        await channel.subscribe(topic)
    assert (refused.value.status, refused.value.slug) == (status, slug)
    # The subscription does not exist.
    with pytest.raises(CommandError, match="not_subscribed"):
        await channel.unsubscribe(topic)


async def test_stats_topics_require_the_stats_plugin(api, channel):
    await start(api)
    for topic in ("STATS:1", "STATS:x"):
        with pytest.raises(CommandError, match="install gaffer-stats"):
            await channel.subscribe(topic)


async def test_output_topics_refuse_since(api, channel):
    await start(api)
    with pytest.raises(CommandError, match="since: is for topics of events"):
        await channel.subscribe("STREAM:1", since=1)


async def test_second_subscription_to_a_topic_is_a_conflict(api, channel):
    await channel.subscribe("EVENTS")
    with pytest.raises(CommandError, match="conflict"):
        await channel.subscribe("EVENTS")


async def test_subscriptions_are_limited_to_fifty(api, channel):
    for number in range(50):
        await channel.subscribe(f"JOB:job{number}")
    with pytest.raises(CommandError, match="too_many"):
        await channel.subscribe("EVENTS")
    await channel.unsubscribe("JOB:job7")
    await channel.subscribe("EVENTS")
