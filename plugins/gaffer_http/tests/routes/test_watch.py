"""Events over real sockets: live, after a number, and gaps."""

import json

import pytest
import trio
from gaffer_kernel import Event, EventBus, JobConfig, hookimpl
from gaffer_testing.waiting import until

from gaffer_http.feeds.events import EventForms, open_events


def load(api, name="x", session="default"):
    return api.kernel.manager.load(JobConfig(name=name, cmd="sleep 100"), session)


def lines(data):
    return [json.loads(line) for line in data.splitlines() if line]


def messages(data):
    """Parse server-sent events as a browser does, as number, type and data."""
    found = []
    for block in data.decode().split("\r\n\r\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\r\n"))
        found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def job_event(bus, event="spawn"):
    return bus.publish(event, name="x", session="default", job="x")


async def test_continuous_feed_sends_each_event_once_in_order(api):
    async with api.client() as client:
        answer = await client.follow("/watch?feed=continuous")
        assert answer.headers["content-type"] == "application/x-ndjson"
        load(api)
        events = lines(await client.until(b'"ready"'))
        assert [event["event"] for event in events] == ["create", "start", "spawn", "ready"]
        assert [event["name"] for event in events] == ["x"] * 4
        seqs = [event["seq"] for event in events]
        assert seqs == list(range(seqs[0], seqs[0] + 4))


async def test_event_source_receives_type_number_and_data(api):
    async with api.client() as client:
        answer = await client.follow("/watch/spawn?feed=eventsource")
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        load(api)
        [(seq, kind, event)] = messages(await client.until(b"\r\n\r\n"))
        assert (seq, kind) == (event["seq"], "spawn")
        assert (event["event"], event["name"], event["pid"]) == ("spawn", "x", 1)


async def test_long_poll_returns_the_next_event(api):
    async with api.client() as client:
        answer = await client.follow("/watch")
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        load(api)
        [event] = lines(await client.rest())
        assert event["event"] == "create"
        # The next poll, however late, continues where this one ended.
        seen = ["create"]
        while seen[-1] != "spawn":
            event = (await api.ask("GET", f"/watch?since={event['seq']}")).json
            seen.append(event["event"])
        assert seen == ["create", "start", "spawn"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("proc", ["proc.x.start", "proc.shop.y.start"]),
        ("proc/x", ["proc.x.start"]),
        ("proc/x/start", ["proc.x.start"]),
        ("proc/shop", ["proc.shop.y.start"]),
        ("proc/shop/y", ["proc.shop.y.start"]),
        ("proc/shop.y/start", ["proc.shop.y.start"]),
        ("proc/shop:y/start", ["proc.shop.y.start"]),
        ("start", ["start", "start"]),
    ],
)
async def test_path_selects_events(api, path, expected):
    async with api.client() as client:
        await client.follow(f"/watch/{path}?feed=continuous")
        for name, session in (("x", "default"), ("y", "shop")):
            api.kernel.events.publish(
                "start", name=name if session == "default" else "shop.y", session=session, job=name
            )
        api.kernel.events.publish("proc", name="last")
        api.kernel.events.publish("start", name="last")
        api.kernel.events.publish(".".join(path.replace(":", "/").split("/")), name="last")
        events = lines(await client.until(b'"last"'))
        assert [event["event"] for event in events if event["name"] != "last"] == expected


async def test_each_chunk_is_one_message_of_crlf_lines(api):
    """The client of gaffer 0.4 takes each chunk for one message, and splits it at CR LF."""
    wanted = [b"create", b"start", b"spawn"]
    async with await api.connect() as stream:
        path = b"/watch?feed=eventsource&heartbeat=0.1"
        await stream.send_all(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
        got = await stream.receive_some()
        load(api)
        while not (b"event: spawn" in got and got.endswith(b"\r\n:\r\n\r\n")):
            got += await stream.receive_some()
    rest = got.partition(b"\r\n\r\n")[2]
    found, comments = [], 0
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        chunk, rest = rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        fields = [line.split(b":", 1) for line in chunk.strip(b"\r\n").split(b"\r\n")]
        assert all(len(field) == 2 for field in fields), chunk
        found += [value.strip() for name, value in fields if name == b"event"]
        comments += fields == [[b"", b""]]
        assert [name for name, _ in fields].count(b"event") <= 1
    assert [name for name in found if name in wanted] == wanted
    assert comments


async def test_reconnected_client_misses_no_event(api):
    load(api)
    async with api.client() as client:
        await client.follow("/watch?feed=eventsource&since=0")
        first = messages(await client.until(b"event: spawn"))
    api.kernel.events.publish("between", name="x")
    async with api.client() as client:
        seq = str(first[-1][0])
        # A browser repeats the address: the header takes precedence.
        await client.follow("/watch?feed=eventsource&since=0", last_event_id=seq)
        [(following, kind, _), *_] = messages(await client.until(b"\r\n\r\n"))
        assert following == int(seq) + 1
        assert kind in ("spawn", "ready", "between")


async def test_client_that_reconnects_too_late_receives_a_gap(api):
    bus = api.kernel.events
    for _ in range(25_000):
        bus.publish("tick", name="x")
    async with api.client() as client:
        await client.follow("/watch/tick?feed=eventsource&since=1")
        got = await client.until(b"event: tick")
        [(seq, kind, data)] = messages(got.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        assert kind == "gap"
        assert data["dropped"] == seq - 1
    answer = await api.ask("GET", "/watch?since=1")
    assert (answer.json["event"], answer.json["seq"]) == ("gap", seq)
    answer = await api.ask("GET", f"/watch?since={seq}")
    assert (answer.json["event"], answer.json["seq"]) == ("tick", seq + 1)


async def test_number_of_an_earlier_run_returns_all_events(api):
    first = (await api.ask("GET", "/watch?since=0")).json if api.kernel.events.seq else None
    api.kernel.events.publish("tick", name="x")
    answer = (await api.ask("GET", "/watch?since=123456789")).json
    assert (answer["event"], answer["restarted"], answer["seq"]) == ("gap", True, 0)
    following = (await api.ask("GET", "/watch?since=0")).json
    assert following["seq"] == 1
    assert first in (None, following)


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/watch?feed=x", 400, "bad_value"),
        ("/watch?since=-1", 400, "bad_value"),
        ("/watch?since=now", 400, "bad_value"),
        ("/watch?sinse=1", 400, "bad_value"),
        ("/watch/a%20b", 404, "bad_event_type"),
        ("/watch/proc/../x", 404, "bad_event_type"),
        ("/watch/bogus", 404, "bad_event_type"),
        ("/watch/spawn/web", 404, "bad_event_type"),
        ("/watch/plugin/bogus", 404, "bad_event_type"),
        ("/watch/a/b/c/d", 404, "resource_not_found"),
    ],
)
async def test_invalid_paths_are_refused(api, path, status, slug):
    answer = await api.ask("GET", path)
    assert (answer.status, answer.slug) == (status, slug)


async def test_unknown_event_is_refused_with_a_similar_name(api):
    answer = await api.ask("GET", "/watch/spwan")
    assert answer.json["reason"] == "no event 'spwan', did you mean 'spawn'?"


class Deploy:
    name = "deploy"
    gaffer_events = ("released.ok",)

    @hookimpl
    def gaffer_event(self, event):
        pass


@pytest.mark.parametrize("path", ["deploy", "deploy/done", "released", "released/ok", "plugin"])
async def test_events_of_plugins_can_be_watched(running_api, path):
    async with running_api(Deploy()) as api:
        answer = await api.ask("GET", "/watch/released/no")
        assert (answer.status, answer.slug) == (404, "bad_event_type")
        async with api.client() as client:
            start = await client.follow(f"/watch/{path}?feed=continuous")
            assert start.status == 200


async def test_published_event_can_be_watched(api):
    api.kernel.events.publish("once", name="x")
    answer = await api.ask("GET", "/watch/once?since=0")
    assert answer.json["event"] == "once"


async def test_invalid_last_event_id_is_refused(api):
    answer = await api.ask("GET", "/watch", last_event_id="x")
    assert (answer.status, answer.slug) == (400, "bad_value")


async def test_resources_of_disconnected_clients_are_freed(api):
    bus = api.kernel.events
    before = bus.subscribers
    port = int(api.urls[0].rpartition(":")[2])
    streams = []
    for number in range(200):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        feed = ("longpoll", "continuous", "eventsource")[number % 3]
        await stream.send_all(
            f"GET /watch?feed={feed} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        streams.append(stream)
    await until(lambda: bus.subscribers == before + 200)
    for stream in streams[::2]:
        await trio.aclose_forcefully(stream)
    await until(lambda: bus.subscribers == before + 100)
    bus.publish("tick", name="x")
    for stream in streams[1::2]:
        got = b""
        while b'"tick"' not in got:
            got += await stream.receive_some()
        await trio.aclose_forcefully(stream)
    await until(lambda: bus.subscribers == before)


async def test_feed_sends_the_last_exit_before_its_end(running_api):
    async with running_api() as api, trio.open_nursery() as nursery:
        async with api.client() as client:
            load(api)
            await client.follow("/watch/exit?feed=continuous&since=0")
            await until(api.kernel.manager.pids)
            api.kernel.stop()
            [event] = lines(await client.rest())
            assert event["event"] == "exit"
        nursery.cancel_scope.cancel()


async def take(watch):
    return [(event.seq, event.event, event.data) for event in await watch.receive()]


async def test_slow_subscriber_receives_the_number_of_missing_events():
    bus = EventBus(length=10)
    async with open_events(bus, None, None) as watch:
        for _ in range(5):
            job_event(bus)
        assert [seq for seq, *_ in await take(watch)] == [1, 2, 3, 4, 5]
        for _ in range(100):
            job_event(bus)
        (seq, kind, data), *events = await take(watch)
        assert (kind, data) == ("gap", {"dropped": seq - 5})
        assert [event[0] for event in events] == list(range(seq + 1, 106))


async def test_cancelled_wait_loses_no_event(autojump_clock):
    bus = EventBus()
    async with open_events(bus, "spawn", None) as watch:
        with trio.move_on_after(1):
            await watch.receive()
        job_event(bus, "start")
        job_event(bus)
        assert await take(watch) == [(2, "spawn", {})]
        bus.close()
        assert await watch.receive() is None


def test_event_is_encoded_once_with_any_content():
    forms = EventForms()
    event = Event(1, 0.0, "odd", "x", data={"what": object()})
    assert forms.line(event) is forms.line(event)
    assert json.loads(forms.line(event))["what"].startswith("<object")
    for seq in range(10_000):
        assert b'"seq":%d,' % seq in forms.message(Event(seq, 0.0, "tick", "x"))
