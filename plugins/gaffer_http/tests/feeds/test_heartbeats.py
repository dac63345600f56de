"""Heartbeats of idle feeds of the application alone, without a server, on virtual time."""

import math

import pytest
import trio
from gaffer_kernel import Kernel

from gaffer_http.app import Api
from gaffer_http.auth.caller import Owner
from gaffer_http.plugin import plugin as http_plugin
from gaffer_http.serve.peer import Peer

FEEDS = ["longpoll", "continuous", "eventsource"]


@pytest.fixture
def app():
    return Api(Kernel(plugins=[http_plugin]))


async def follow(app, query, seconds):
    """Return the chunks sent within a time, as pairs of time in seconds and chunk."""
    began = trio.current_time()
    sent = []
    asked = False

    async def receive():
        nonlocal asked
        if asked:
            await trio.sleep_forever()
        asked = True
        return {"type": "http.request"}

    async def send(message):
        if message.get("body"):
            sent.append((round(trio.current_time() - began, 3), message["body"]))

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/watch",
        "raw_path": b"/watch",
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost")],
        "gaffer.caller": Owner(Peer(0)),
    }
    with trio.move_on_after(seconds):
        await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    ("heartbeat", "every"),
    [
        ("", 60),
        ("&heartbeat=true", 60),
        ("&heartbeat=86400", 86400),
        ("&heartbeat=2.5", 2.5),
        ("&heartbeat=0.1", 0.1),
        ("&heartbeat=false", math.inf),
        ("&heartbeat=0", math.inf),
    ],
)
async def test_idle_feed_sends_heartbeats(autojump_clock, app, feed, heartbeat, every):
    seconds = 3.5 * every if every < math.inf else 1e6
    beats = await follow(app, f"feed={feed}{heartbeat}", seconds)
    expected = [round(number * every, 3) for number in (1, 2, 3)] if every < math.inf else []
    assert beats == [(at, b":\r\n" if feed == "eventsource" else b"\n") for at in expected]


@pytest.mark.parametrize("heartbeat", ["0.09", "-1", "nan", "inf", "1e9", "True", "yes", ""])
async def test_invalid_heartbeat_is_refused(api, heartbeat):
    answer = await api.ask("GET", f"/watch?heartbeat={heartbeat}")
    assert (answer.status, answer.slug) == (400, "bad_value")
    assert answer.json["reason"].startswith("heartbeat: must be true, false or seconds")


async def test_heartbeat_interval_starts_at_the_last_message(autojump_clock, app, nursery):
    async def publish():
        for _ in range(3):
            await trio.sleep(50)
            app.kernel.events.publish("tick", name="x")

    nursery.start_soon(publish)
    sent = await follow(app, "feed=continuous", 260)
    assert [(at, body == b"\n") for at, body in sent] == [
        *((at, False) for at in (50, 100, 150)),
        (210, True),
    ]
