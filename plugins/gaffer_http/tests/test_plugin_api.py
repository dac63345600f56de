"""The service for routes of other plugins: permissions of the caller, and feeds."""

import json
from contextlib import asynccontextmanager

import pytest
import trio
from gaffer_kernel import hookimpl
from gaffer_testing import Callers, TokenCaller
from gaffer_testing.waiting import until
from quart import Blueprint


class Pile:
    """A queue of objects to send: it keeps three, and counts those dropped before."""

    def __init__(self):
        self.dropped = 0
        self.watchers = 0
        self._items = []
        self._over = False
        self._news = trio.lowlevel.ParkingLot()

    def put(self, *items):
        self._items += items
        self.dropped += max(0, len(self._items) - 3)
        self._items = self._items[-3:]
        self._news.unpark_all()

    def end(self):
        self._over = True
        self._news.unpark_all()

    async def __anext__(self):
        while not self._items:
            if self._over:
                raise StopAsyncIteration
            await self._news.park()
        return self._items.pop(0)

    @asynccontextmanager
    async def open(self):
        self.watchers += 1
        try:
            yield self
        finally:
            self.watchers -= 1


class Extra:
    """The plugin with the routes."""

    name = "extra"

    def __init__(self):
        self.pile = Pile()

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        routes = Blueprint("extra", __name__)

        @routes.get("/extra/feed")
        async def feed():
            return await kernel.services["http"].feed(self.pile.open(), event="thing")

        @routes.get("/extra/personal")
        async def personal():
            caller = kernel.services["http"].caller()
            show = lambda thing: {"thing": thing, "for": caller.name}  # noqa: E731
            return await kernel.services["http"].feed(self.pile.open(), event="thing", show=show)

        @routes.get("/extra/may")
        async def may():
            http = kernel.services["http"]
            return {
                right: [http.may(right), http.may(right, "one"), http.may(right, "two")]
                for right in ("read", "write", "manage")
            }

        @routes.get("/extra/may/<session>")
        async def may_there(session):
            return await may()

        @routes.get("/extra/type/<session>")
        async def kind(session):
            return {}

        may.gaffer_every_caller = True
        kind.gaffer_needs = "write"
        return routes


@pytest.fixture
def extra():
    return Extra()


@pytest.fixture
async def api(running_api, extra):
    people = Callers(
        {
            "reader": TokenCaller("read", "reader"),
            "typist": TokenCaller("write.one", "typist"),
            "guest": TokenCaller("read.one", "guest"),
        }
    )
    async with running_api(extra, people) as api:
        yield api


async def test_long_poll_returns_the_first_object(api, extra):
    for parameters in ("", "?feed=longpoll"):
        extra.pile.put({"a": 1}, {"b": 2})
        answer = await api.ask("GET", f"/extra/feed{parameters}")
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.body == b'{"a":1}\n'
        assert await anext(extra.pile) == {"b": 2}


async def test_continuous_feed_sends_an_object_per_line(api, extra):
    async with api.client() as client:
        answer = await client.follow("/extra/feed?feed=continuous")
        assert answer.headers["content-type"] == "application/x-ndjson"
        extra.pile.put(1, [2, "two\n"], None)
        assert await client.until(b"null\n") == b'1\n[2,"two\\n"]\nnull\n'


async def test_event_source_receives_type_and_gaps(api, extra):
    async with api.client() as client:
        answer = await client.follow("/extra/feed?feed=eventsource")
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        extra.pile.put(1)
        assert await client.until(b"\r\n\r\n") == b"event: thing\r\ndata: 1\r\n\r\n"
        extra.pile.put(2, 3, 4, 5, 6)
        got = await client.until(b"6\r\n\r\n")
        assert got == b'event: gap\r\ndata: {"lost":2}\r\n\r\n' + b"".join(
            b"event: thing\r\ndata: %d\r\n\r\n" % number for number in (4, 5, 6)
        )


@pytest.mark.parametrize("feed", ["longpoll", "continuous", "eventsource"])
async def test_feed_sends_heartbeats_and_ends_with_the_objects(api, extra, feed):
    async with api.client() as client:
        await client.follow(f"/extra/feed?feed={feed}&heartbeat=0.1")
        beat = b":\r\n" if feed == "eventsource" else b"\n"
        assert await client.until(beat * 2) == beat * 2
        extra.pile.end()
        assert (await client.rest()).replace(beat, b"") == b""
    await until(lambda: extra.pile.watchers == 0)


async def test_feed_of_a_disconnected_client_is_closed(api, extra):
    async with api.client() as client:
        await client.follow("/extra/feed?feed=continuous")
        assert extra.pile.watchers == 1
    await until(lambda: extra.pile.watchers == 0)


async def test_head_opens_no_feed(api, extra):
    assert (await api.ask("HEAD", "/extra/feed?feed=eventsource")).status == 200
    assert extra.pile.watchers == 0


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("feed=all", "feed: must be one of longpoll, continuous, eventsource, not 'all'"),
        ("heartbeat=0.05", "heartbeat: must be true, false or seconds, at least 0.1, not '0.05'"),
        ("fed=longpoll", "fed: is not a parameter of this request, did you mean 'feed'?"),
    ],
)
async def test_invalid_parameters_are_named(api, extra, parameters, reason):
    answer = await api.ask("GET", f"/extra/feed?{parameters}")
    assert (answer.slug, answer.json["reason"]) == ("bad_value", reason)
    assert extra.pile.watchers == 0


async def test_feed_can_depend_on_the_caller(api, extra):
    async with api.client() as client:
        await client.follow("/extra/personal?feed=continuous", authorization="Bearer reader")
        extra.pile.put(1)
        assert json.loads(await client.until(b"\n")) == {"thing": 1, "for": "reader"}


@pytest.mark.parametrize(
    ("token", "may"),
    [
        (None, {"read": [True] * 3, "write": [True] * 3, "manage": [True] * 3}),
        ("reader", {"read": [True] * 3, "write": [False] * 3, "manage": [False] * 3}),
        (
            "typist",
            {
                "read": [False, True, False],
                "write": [False, True, False],
                "manage": [False] * 3,
            },
        ),
    ],
)
async def test_view_can_check_permissions_of_its_caller(api, token, may):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    assert (await api.ask("GET", "/extra/may", **headers)).json == may


async def test_marks_of_a_view_define_the_required_permission(api):
    async def ask(token, path):
        return (await api.ask("GET", path, authorization=f"Bearer {token}")).status

    assert await ask("typist", "/extra/may") == 200
    assert await ask("typist", "/extra/feed") == 403
    assert await ask("typist", "/extra/may/two") == 403
    assert await ask("typist", "/extra/type/one") == 200
    assert await ask("guest", "/extra/type/one") == 403
