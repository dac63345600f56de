"""Websockets of callers with limited permissions, and their lines in the audit log."""

import json
import logging

import pytest
import trio
from gaffer_kernel import hookimpl
from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_testing import Callers, TokenCaller
from quart import Blueprint, websocket
from trio_websocket import ConnectionClosed

from ..channel_client import CommandError, open_channel, start

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


def as_(caller):
    return {"authorization": f"Bearer {caller}"}


async def test_reader_follows_topics_of_their_session(people):
    async with open_channel(people, **as_("guest")) as channel:
        for topic in ("EVENTS", "JOB:one.a", "PROCESS:1", "STREAM:1"):
            await channel.subscribe(topic)
        for topic in ("JOB:two.b", "STATS:two.b", "JOB:b"):
            with pytest.raises(CommandError, match="no permission to read in session") as refused:
                await channel.subscribe(topic)
            assert (refused.value.status, refused.value.slug) == (403, "forbidden")
        for topic in ("PROCESS:2", "STREAM:2", "STATS:2"):
            with pytest.raises(CommandError, match="no process") as refused:
                await channel.subscribe(topic)
            assert (refused.value.status, refused.value.slug) == (404, "not_found")


async def test_events_are_limited_to_readable_sessions(people):
    async with open_channel(people, **as_("guest")) as channel:
        await channel.subscribe("EVENTS", since=0)
        people.kernel.manager.get("two.b").scale(0)
        people.kernel.manager.get("one.a").scale(0)
        await channel.event("update")
        assert {event["session"] for event in channel.events} <= {"one"}


async def test_lists_contain_readable_jobs(people):
    async with open_channel(people, **as_("guest")) as channel:
        assert await channel.do("sessions") == {"sessions": ["one"]}
        assert await channel.do("jobs") == {"jobs": ["one.a"]}
        assert await channel.do("pids") == {"pids": [1]}
        for command, subject in (("jobs", "two"), ("pids", "two.b")):
            with pytest.raises(CommandError, match="forbidden"):
                await channel.do(command, subject)


async def test_secrets_are_masked_for_callers_without_manage(people):
    for caller, env, args in (("guest", "***", ["***"]), ("tenant", "hunter2", ["-"])):
        async with open_channel(people, **as_(caller)) as channel:
            config = (await channel.do("info", "one.a"))["info"]["config"]
            assert (config["env"], config["args"]) == ({"KEY": env}, args)
            assert (await channel.do("process_info", 1))["info"]["env"] == {"KEY": env}


async def test_command_lines_in_samples_are_masked_for_callers_without_manage(running_api):
    async with running_api(Callers(PEOPLE), stats_plugin) as api:
        await start(api, "a", "one")
        for caller, manages in (("guest", False), ("typist", False), ("tenant", True)):
            async with open_channel(api, **as_(caller)) as channel:
                stats = (await channel.do("stats", "one.a"))["stats"]["stats"]
                stats.append((await channel.do("process_stats", 1))["stats"])
                for topic in ("STATS:1", "STATS:one.a"):
                    await channel.subscribe(topic)
                    event = await channel.event("stat", topic)
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


@pytest.mark.parametrize("caller", ["guest", "typist", "tenant"])
async def test_refused_commands_change_nothing(people, caller):
    events = people.kernel.events
    before = events.seq, people.kernel.manager.pids(), people.kernel.manager.get("two.b").config
    async with open_channel(people, **as_(caller)) as channel:
        for command, args in CHANGES:
            with pytest.raises(CommandError) as refused:
                await channel.do(command, *args)
            hidden = (404, "not_found") if args[0] == 2 else (403, "forbidden")
            assert (refused.value.status, refused.value.slug) == hidden, command
        await channel.do("jobs")
    manager = people.kernel.manager
    assert (events.seq, manager.pids(), manager.get("two.b").config) == before
    assert manager.process(2).outputs.logs["stdout"].end == 0


async def test_writing_requires_write(people):
    async with open_channel(people, **as_("guest")) as channel:
        with pytest.raises(CommandError, match="no permission to write in session one"):
            await channel.do("send", 1, "x\n")
    async with open_channel(people, **as_("typist")) as channel:
        assert await channel.do("send", 1, "x\n") == {"ok": True}
        with pytest.raises(CommandError, match="no permission to manage in session one"):
            await channel.do("kill", 1, "KILL")


async def test_manager_of_a_session_runs_all_commands_in_it(people):
    async with open_channel(people, **as_("tenant")) as channel:
        await channel.do("load", CONFIG, sessionid="one")
        await channel.do("unload", "one.new")
        await channel.do("kill", 1, "CONT")
        with pytest.raises(CommandError, match="in session default"):
            await channel.do("load", CONFIG)


async def test_wstreams_requires_write(people):
    async with people.websocket("/wstreams/1", **as_("typist")) as socket:
        await socket.send_message("x\n")
        assert await socket.get_message() == "x\n"
    for caller, pid, slug, code in (
        ("guest", 1, "forbidden_write", 4403),
        ("typist", 2, "not_found", 4404),
    ):
        async with people.websocket(f"/wstreams/{pid}", **as_(caller)) as socket:
            assert json.loads(await socket.get_message())["error"] == slug
            with pytest.raises(ConnectionClosed) as raised:
                await socket.get_message()
            assert raised.value.reason.code == code


class Sockets:
    """A plugin with two websockets; one is marked as read-only."""

    name = "sockets"

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        routes = Blueprint("sockets", __name__)

        @routes.websocket("/chat/<session>")
        async def chat(session):
            await websocket.send("hello")

        @routes.websocket("/events/<session>")
        async def send_events(session):
            await websocket.send("hello")

        send_events.gaffer_needs = "read"
        return routes


async def test_websocket_of_a_plugin_requires_manage_unless_marked(running_api):
    async with running_api(Callers(PEOPLE), Sockets()) as api:
        for caller, path in (("tenant", "/chat/one"), ("guest", "/events/one")):
            async with api.websocket(path, **as_(caller)) as socket:
                assert await socket.get_message() == "hello"
        for caller, path in (
            ("typist", "/chat/one"),
            ("guest", "/chat/one"),
            ("guest", "/events/two"),
        ):
            assert (await api.ask_websocket(path, **as_(caller))).status == 403


async def test_wstreams_is_logged_in_the_audit_log(people, caplog):
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


async def test_channel_of_a_revoked_caller_closes(people):
    async with open_channel(people, **as_("guest")) as channel:
        await channel.subscribe("EVENTS")
        PEOPLE["guest"].revoke()
        with pytest.raises(ConnectionClosed), trio.fail_after(1):
            await channel.receive()


async def test_changes_are_logged_in_the_audit_log(people, caplog):
    caplog.set_level(logging.INFO, "gaffer.audit")
    async with open_channel(people, **as_("tenant")) as channel:
        await channel.do("scale", "one.a", 1)
        await channel.do("send", 1, "x\n")
        await channel.do("load", CONFIG, sessionid="one", start=False)
        await channel.do("info", "one.a")
        await channel.do("jobs")
        for command, args in (
            ("scale", ["two.b", 1]),
            ("kill", [1, "NOPE"]),
            ("kill", [9, "HUP"]),
            ("unload", ["a\nb"]),
            ("stop\nall", []),
        ):
            with pytest.raises(CommandError):
                await channel.do(command, *args)
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
