"""What a caller with few rights may do on the websockets, and what the audit log says of it."""

import json
import logging

import pytest
import trio
from gaffer_kernel import hookimpl
from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_testing import Callers, TokenCaller
from quart import Blueprint, websocket
from trio_websocket import ConnectionClosed

from ..channel_client import Refused, start, talking

PEOPLE = {
    "guest": TokenCaller("read.one", "guest"),
    "typist": TokenCaller("write.one", "typist"),
    "tenant": TokenCaller("manage.one", "tenant"),
    "manager": TokenCaller("manage", "manager"),
}
CONFIG = {"name": "new", "cmd": "sleep 100"}


@pytest.fixture
async def people(running_api):
    """The API, with jobs one.a and two.b, pids 1 and 2."""
    async with running_api(Callers(PEOPLE)) as api:
        await start(api, "a", "one", env={"KEY": "hunter2"}, args=["-"])
        await start(api, "b", "two")
        yield api


def as_(who):
    return {"authorization": f"Bearer {who}"}


async def test_a_reader_follows_what_is_his(people):
    async with talking(people, **as_("guest")) as talker:
        for topic in ("EVENTS", "JOB:one.a", "PROCESS:1", "STREAM:1"):
            await talker.subscribe(topic)
        for topic in ("JOB:two.b", "STATS:two.b", "JOB:b"):
            with pytest.raises(Refused, match="no permission to read in session") as refused:
                await talker.subscribe(topic)
            assert (refused.value.status, refused.value.slug) == (403, "forbidden")
        for topic in ("PROCESS:2", "STREAM:2", "STATS:2"):
            with pytest.raises(Refused, match="no process") as refused:
                await talker.subscribe(topic)
            assert (refused.value.status, refused.value.slug) == (404, "not_found")


async def test_events_are_those_of_readable_sessions(people):
    async with talking(people, **as_("guest")) as talker:
        await talker.subscribe("EVENTS", since=0)
        people.kernel.manager.get("two.b").scale(0)
        people.kernel.manager.get("one.a").scale(0)
        await talker.event("update")
        assert {event["session"] for event in talker.events} <= {"one"}


async def test_lists_hold_what_is_readable(people):
    async with talking(people, **as_("guest")) as talker:
        assert await talker.do("sessions") == {"sessions": ["one"]}
        assert await talker.do("jobs") == {"jobs": ["one.a"]}
        assert await talker.do("pids") == {"pids": [1]}
        for command, subject in (("jobs", "two"), ("pids", "two.b")):
            with pytest.raises(Refused, match="forbidden"):
                await talker.do(command, subject)


async def test_secrets_are_for_those_who_manage(people):
    for who, env, args in (("guest", "***", ["***"]), ("tenant", "hunter2", ["-"])):
        async with talking(people, **as_(who)) as talker:
            config = (await talker.do("info", "one.a"))["info"]["config"]
            assert (config["env"], config["args"]) == ({"KEY": env}, args)
            assert (await talker.do("process_info", 1))["info"]["env"] == {"KEY": env}


async def test_command_lines_in_samples_are_for_those_who_manage(running_api):
    async with running_api(Callers(PEOPLE), stats_plugin) as api:
        await start(api, "a", "one")
        for who, manages in (("guest", False), ("typist", False), ("tenant", True)):
            async with talking(api, **as_(who)) as talker:
                stats = (await talker.do("stats", "one.a"))["stats"]["stats"]
                stats.append((await talker.do("process_stats", 1))["stats"])
                for topic in ("STATS:1", "STATS:one.a"):
                    await talker.subscribe(topic)
                    event = await talker.event("stat", topic)
                    stats += event.get("stats", [event])
                assert [each["cmdline"] is not None for each in stats] == [manages] * 4


CHANGES = [
    ("load", [{**CONFIG, "name": "two.new"}]),
    ("update", [{**CONFIG, "name": "two.b"}]),
    *((name, ["two.b"]) for name in ("unload", "reload", "start_job", "stop_job", "stopall")),
    ("scale", ["two.b", 1]),
    ("commit", ["two.b"]),
    ("killall", ["two.b", "KILL"]),
    ("stop_process", [2]),
    ("kill", [2, "KILL"]),
    ("send", [2, "x\n"]),
]


@pytest.mark.parametrize("who", ["guest", "typist", "tenant"])
async def test_what_is_refused_is_not_done(people, who):
    events = people.kernel.events
    before = events.seq, people.kernel.manager.pids(), people.kernel.manager.get("two.b").config
    async with talking(people, **as_(who)) as talker:
        for command, args in CHANGES:
            with pytest.raises(Refused) as refused:
                await talker.do(command, *args)
            hidden = (404, "not_found") if args[0] == 2 else (403, "forbidden")
            assert (refused.value.status, refused.value.slug) == hidden, command
        await talker.do("jobs")
    manager = people.kernel.manager
    assert (events.seq, manager.pids(), manager.get("two.b").config) == before
    assert manager.process(2).outputs.logs["stdout"].end == 0


async def test_to_write_takes_the_right_to(people):
    async with talking(people, **as_("guest")) as talker:
        with pytest.raises(Refused, match="no permission to write in session one"):
            await talker.do("send", 1, "x\n")
    async with talking(people, **as_("typist")) as talker:
        assert await talker.do("send", 1, "x\n") == {"ok": True}
        with pytest.raises(Refused, match="no permission to manage in session one"):
            await talker.do("kill", 1, "KILL")


async def test_who_manages_a_session_does_everything_there(people):
    async with talking(people, **as_("tenant")) as talker:
        await talker.do("load", CONFIG, sessionid="one")
        await talker.do("unload", "one.new")
        await talker.do("kill", 1, "CONT")
        with pytest.raises(Refused, match="in session default"):
            await talker.do("load", CONFIG)


async def test_the_plain_socket_takes_the_right_to_write(people):
    async with people.websocket("/wstreams/1", **as_("typist")) as socket:
        await socket.send_message("x\n")
        assert await socket.get_message() == "x\n"
    for who, pid, slug, code in (
        ("guest", 1, "forbidden_write", 4403),
        ("typist", 2, "not_found", 4404),
    ):
        async with people.websocket(f"/wstreams/{pid}", **as_(who)) as socket:
            assert json.loads(await socket.get_message())["error"] == slug
            with pytest.raises(ConnectionClosed) as raised:
                await socket.get_message()
            assert raised.value.reason.code == code


class Sockets:
    """A plugin with two websockets, one of which says that it only tells."""

    name = "sockets"

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        routes = Blueprint("sockets", __name__)

        @routes.websocket("/talk/<session>")
        async def talk(session):
            await websocket.send("hello")

        @routes.websocket("/told/<session>")
        async def told(session):
            await websocket.send("hello")

        told.gaffer_needs = "read"
        return routes


async def test_a_websocket_of_a_plugin_let_in_a_reader_who_could_then_talk(running_api):
    async with running_api(Callers(PEOPLE), Sockets()) as api:
        for who, path in (("tenant", "/talk/one"), ("guest", "/told/one")):
            async with api.websocket(path, **as_(who)) as socket:
                assert await socket.get_message() == "hello"
        for who, path in (("typist", "/talk/one"), ("guest", "/talk/one"), ("guest", "/told/two")):
            assert (await api.ask_websocket(path, **as_(who))).status == 403


async def test_who_writes_to_a_plain_socket_is_in_the_audit_log(people, caplog):
    caplog.set_level(logging.INFO, "gaffer.audit")
    for path in ("/wstreams/1", "/wstreams/2", "/wstreams/a%0Ab"):
        async with people.websocket(path, **as_("typist")) as socket:
            await socket.send_message("x\n")
            await socket.get_message()
    lines = [each.getMessage() for each in caplog.records if each.name == "gaffer.audit"]
    assert lines == [
        "typist: WS /wstreams/1: 101",
        "typist: WS /wstreams/2: 404",
        "typist: WS /wstreams/a%0Ab: 400",
    ]


async def test_who_loses_his_rights_is_cut_off(people):
    async with talking(people, **as_("guest")) as talker:
        await talker.subscribe("EVENTS")
        PEOPLE["guest"].revoke()
        with pytest.raises(ConnectionClosed), trio.fail_after(1):
            await talker.hear()


async def test_changes_are_in_the_audit_log(people, caplog):
    caplog.set_level(logging.INFO, "gaffer.audit")
    async with talking(people, **as_("tenant")) as talker:
        await talker.do("scale", "one.a", 1)
        await talker.do("send", 1, "x\n")
        await talker.do("load", CONFIG, sessionid="one", start=False)
        await talker.do("info", "one.a")
        await talker.do("jobs")
        for command, args in (
            ("scale", ["two.b", 1]),
            ("kill", [1, "NOPE"]),
            ("kill", [9, "HUP"]),
            ("unload", ["a\nb"]),
            ("stop\nall", []),
        ):
            with pytest.raises(Refused):
                await talker.do(command, *args)
    lines = [each.getMessage() for each in caplog.records if each.name == "gaffer.audit"]
    assert lines == [
        "tenant: CMD scale one.a: 200",
        "tenant: CMD send 1: 200",
        "tenant: CMD load one.new (sleep): 200",
        "tenant: CMD scale two.b: 403",
        "tenant: CMD kill 1: 400",
        "tenant: CMD kill 9: 404",
        "tenant: CMD unload: 400",
    ]
