"""Each topic of the channel: what it tells, and that it ends."""

import base64

import pytest
from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_testing.waiting import until

from ..channel_client import Refused, readers, shell, start, talking


@pytest.fixture
async def talker(api):
    async with talking(api) as talker:
        yield talker


async def names(talker, last):
    """The names of events up to one of a name."""
    found = []
    while last not in found:
        found.append((await talker.event())["event"])
    return found


async def test_events_are_told_once_by_their_plain_names(api, talker):
    await talker.subscribe("EVENTS")
    await start(api)
    events = [await talker.event() for _ in range(3)]
    assert [event["event"] for event in events] == ["create", "start", "spawn"]
    assert [event["seq"] for event in events] == list(range(events[0]["seq"], events[0]["seq"] + 3))
    assert {event["topic"] for event in events} == {"EVENTS"}
    spawn = events[-1]
    assert (spawn["name"], spawn["session"], spawn["job"], spawn["pid"]) == ("x", "default", "x", 1)


async def test_commands_are_seen_as_events(api, talker):
    await talker.subscribe("EVENTS")
    await talker.do("load", {"name": "x", "cmd": "sleep 100"})
    await talker.do("update", {"name": "x", "cmd": "sleep 101"})
    await talker.do("stop_job", "x")
    await talker.do("unload", "x")
    seen = await names(talker, "delete")
    assert [each for each in seen if each in ("create", "update", "stop", "delete")] == [
        *("create", "update", "stop", "delete")
    ]


async def test_events_go_on_after_a_number(api, talker):
    await start(api)
    await talker.subscribe("EVENTS", since=0)
    first = await talker.event()
    await talker.event("spawn")
    await talker.unsubscribe("EVENTS")
    await talker.subscribe("EVENTS", since=first["seq"])
    assert (await talker.event())["seq"] == first["seq"] + 1


async def test_what_is_missing_before_a_number_is_told(api, talker):
    await start(api)
    await talker.subscribe("EVENTS", since=10_000)
    gap = await talker.event()
    assert (gap["event"], gap["topic"], gap["restarted"]) == ("gap", "EVENTS", True)
    await talker.event("spawn")


async def test_a_client_that_is_told_no_more_hears_no_more(api, talker):
    for topic in ("EVENTS", "JOB:x"):
        await talker.subscribe(topic)
        await talker.unsubscribe(topic)
    await start(api)
    # Whatever was told would have come before the answer.
    assert await talker.do("jobs") == {"jobs": ["x"]}
    assert talker.events == []


async def test_the_events_of_a_job(api, talker):
    await talker.subscribe("JOB:shop.x")
    await start(api, "x")
    await start(api, "x", "shop")
    await talker.do("stop_job", "shop.x")
    assert (await names(talker, "exit"))[:3] == ["create", "start", "spawn"]
    await talker.unsubscribe("JOB:shop.x")


async def test_a_job_may_come_later_and_come_again(api, talker):
    await talker.subscribe("JOB:x")
    for _ in range(2):
        await start(api)
        job = api.kernel.manager.unload("x")
        await job.gone.wait()
        assert "create" in await names(talker, "delete")


async def test_the_events_of_a_process_end_with_it(api, talker):
    process, _ = await start(api), await start(api, "other")
    await talker.subscribe("PROCESS:1", since=0)
    assert (await talker.event())["event"] == "spawn"
    api.kernel.manager.unload("other")
    api.kernel.manager.unload("x")
    seen = []
    while "end" not in seen:
        event = await talker.event()
        assert event.get("pid", 1) == process.pid
        seen.append(event["event"])
    assert seen[-2:] == ["exit", "end"]
    with pytest.raises(Refused) as refused:
        await talker.unsubscribe("PROCESS:1")
    assert (refused.value.status, refused.value.slug) == (404, "not_subscribed")


async def test_a_process_is_told_no_more(api, talker):
    process = await start(api)
    await talker.subscribe("PROCESS:1")
    await talker.unsubscribe("PROCESS:1")
    process.stop()
    await until(lambda: process.exit_status)
    await talker.do("pids")
    assert talker.events == []


@pytest.mark.parametrize("topic", ["STREAM:1", "STREAM:1.stdout"])
async def test_output_is_text(api, talker, topic):
    process = await start(api)
    await talker.subscribe(topic)
    await process.write("\u20ac\n")
    known = {"event": "output", "topic": topic, "pid": 1, "name": "x", "label": "stdout"}
    assert await talker.event() == {**known, "data": "\u20ac\n"}
    await talker.unsubscribe(topic)
    await until(lambda: readers(process) == 0)


async def test_output_that_is_no_text_is_in_base64(api, talker):
    process = await start(api)
    await talker.subscribe("STREAM:1")
    await process.write(b"\xff\n")
    event = await talker.event()
    assert "data" not in event
    assert base64.b64decode(event["data_base64"]) == b"\xff\n"


async def test_a_cut_character_is_held_until_its_rest_or_the_end(api, talker):
    process = await shell(api, r"read x; printf 'a\342\202'; read x; printf '\254\342\202'")
    await talker.subscribe("STREAM:1")
    await process.write("\n")
    assert (await talker.event())["data"] == "a"
    await process.write("\n")
    assert (await talker.event())["data"] == "\u20ac"
    assert base64.b64decode((await talker.event())["data_base64"]) == b"\xe2\x82"
    assert await talker.event() == {"event": "end", "topic": "STREAM:1"}


async def test_each_output_is_a_topic(api, talker):
    process = await shell(api, "read x; echo 1; echo 2 >&2; cat", redirect_output=("out", "err"))
    await talker.subscribe("STREAM:1.err")
    await talker.subscribe("STREAM:1.out")
    await process.write("\n")
    assert (await talker.event(topic="STREAM:1.out"))["data"] == "1\n"
    assert (await talker.event(topic="STREAM:1.err"))["data"] == "2\n"


async def test_the_last_output_comes_before_the_end(api, talker):
    process = await shell(api, "read x; head -c 500000 /dev/zero; echo last")
    await talker.subscribe("STREAM:1")
    await process.write("\n")
    got = ""
    while (event := await talker.event())["event"] != "end":
        got += event["data"]
    assert got == "\0" * 500_000 + "last\n"


@pytest.mark.parametrize("topic", ["STATS:shop.x", "STATS:1"])
async def test_samples(running_api, topic):
    async with running_api(stats_plugin) as api, talking(api) as talker:
        process = await start(api, "x", "shop")
        await talker.subscribe(topic)
        for _ in range(2):
            event = await talker.event()
            assert (event["event"], event["topic"]) == ("stat", topic)
            assert event["cpu"] is not None
            sample = event if topic == "STATS:1" else event["stats"][0]
            assert (sample["pid"], sample["os_pid"]) == (1, process.os_pid)
        await talker.unsubscribe(topic)
        await talker.subscribe(topic)
        api.kernel.manager.unload("shop.x")
        await talker.event("end")


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
async def test_what_cannot_be_subscribed_to(api, talker, topic, status, slug):
    await start(api, "mute", cmd="sleep 100", redirect_output=())
    await start(api)
    with pytest.raises(Refused) as refused:
        await talker.subscribe(topic)
    assert (refused.value.status, refused.value.slug) == (status, slug)
    # And nothing is left of it.
    with pytest.raises(Refused, match="not_subscribed"):
        await talker.unsubscribe(topic)


async def test_samples_need_the_plugin_that_measures(api, talker):
    await start(api)
    for topic in ("STATS:1", "STATS:x"):
        with pytest.raises(Refused, match="install gaffer-stats"):
            await talker.subscribe(topic)


async def test_output_does_not_go_back(api, talker):
    await start(api)
    with pytest.raises(Refused, match="since: is for topics of events"):
        await talker.subscribe("STREAM:1", since=1)


async def test_a_topic_is_subscribed_to_once(api, talker):
    await talker.subscribe("EVENTS")
    with pytest.raises(Refused, match="conflict"):
        await talker.subscribe("EVENTS")


async def test_fifty_topics_are_the_most(api, talker):
    for number in range(50):
        await talker.subscribe(f"JOB:job{number}")
    with pytest.raises(Refused, match="too_many"):
        await talker.subscribe("EVENTS")
    await talker.unsubscribe("JOB:job7")
    await talker.subscribe("EVENTS")
