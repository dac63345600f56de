"""The audit log: counts of refused requests by peer, and lines that no client can break."""

import json
import logging
import os

import pytest
import trio
from gaffer_testing import Callers, TokenCaller

from gaffer_http.auth import audit, refusals
from gaffer_http.auth.refusals import Refusals

from ..channel_client import CommandError, open_channel

BAD = {"authorization": "Bearer gfr_wrong"}


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "gaffer.audit")
    return lambda: [each.getMessage() for each in caplog.records if each.name == "gaffer.audit"]


@pytest.fixture
async def api(running_api):
    people = {
        "all": TokenCaller("manage", "token all"),
        "eye": TokenCaller("read.one", "token eye"),
    }
    async with running_api(Callers(people)) as api:
        yield api


USER = f"user {os.getuid()}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (BAD, 401),
        ({"x_forwarded_for": "192.0.2.1"}, 401),
        ({"origin": "https://evil.example"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"host": "evil.example"}, 421),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_refused_request_is_logged_as_a_line(api, lines, method, headers, status):
    for _ in range(3):
        assert (await api.ask(method, "/jobs/one", **headers)).status == status
    assert lines() == [f"{USER}: {method} /jobs/one: {status}"]


async def test_refused_websocket_is_logged_as_a_line(api, lines):
    assert (await api.ask_websocket("/channel", **BAD)).status == 401
    assert lines() == [f"{USER}: WS /channel: 401"]


async def test_caller_without_permission_is_logged_as_a_line(api, lines):
    for path in ("/jobs/two", "/jobs/three"):
        assert (await api.ask("GET", path, authorization="Bearer eye")).status == 403
    assert (await api.ask("GET", "/jobs", authorization="Bearer eye")).status == 200
    assert lines() == ["token eye: GET /jobs/two: 403"]


async def test_refused_changes_of_pages_are_counted_and_changes_by_token_are_lines(api, lines):
    page = {"sec_fetch_site": "same-origin"}
    for _ in range(3):
        assert (await api.ask("DELETE", "/jobs/one/a", **page)).status == 401
    assert [line.rpartition(": ")[2] for line in lines()] == ["401"]
    for _ in range(3):
        await api.ask("DELETE", "/jobs/one/a", authorization="Bearer eye")
    assert lines()[1:] == ["token eye: DELETE /jobs/one/a: 403"] * 3


async def test_wrong_tokens_over_the_limit_are_counted_and_logged_on_shutdown(running_api, lines):
    async with running_api(Callers({})) as api:
        for _ in range(13):
            await api.ask("GET", "/jobs", **BAD)
    assert lines() == [
        f"{USER}: GET /jobs: 401",
        f"{USER}: more requests refused within a minute: 9 with 401, 3 with 429",
    ]


async def test_refusals_of_a_peer_are_one_line_a_minute(lines, autojump_clock):
    refused = Refusals()
    async with refused.counting():
        # Every 7 seconds, so that no refusal coincides with the end of a minute.
        for second in range(0, 180, 7):
            refused.note("192.0.2.1", "192.0.2.1", "GET /jobs", 401)
            if second == 91:
                refused.note("192.0.2.2", "192.0.2.2", "GET /", 421)
            await trio.sleep(7)
        await trio.sleep(200)
        assert lines() == [
            "192.0.2.1: GET /jobs: 401",
            "192.0.2.1: more requests refused within a minute: 8 with 401",
            "192.0.2.2: GET /: 421",
            "192.0.2.1: more requests refused within a minute: 9 with 401",
            "192.0.2.1: more requests refused within a minute: 8 with 401",
        ]
        refused.note("192.0.2.1", "192.0.2.1", "GET /jobs", 401)
        assert lines()[-1] == "192.0.2.1: GET /jobs: 401"
    assert len(lines()) == 6


async def test_number_of_counted_peers_is_bounded(lines, monkeypatch, autojump_clock):
    monkeypatch.setattr(refusals, "MAX_PEERS", 5)
    refused = Refusals()
    async with refused.counting():
        for host in range(100):
            refused.note(f"192.0.2.{host}", f"192.0.2.{host}", "GET /jobs", 401)
        assert len(lines()) == 6
        await trio.sleep(61)
    assert lines()[6:] == ["other peers: more requests refused within a minute: 94 with 401"]


# Input of clients


@pytest.mark.parametrize(
    "path",
    [
        "/gfr_c2VjcmV0",
        "/x/Bearer%20c2VjcmV0",
        "/Bearer+c2VjcmV0",
        "/bearer.c2VjcmV0",
        "/jobs?token=c2VjcmV0",
    ],
)
async def test_log_contains_no_secret(api, caplog, lines, path):
    caplog.set_level(logging.DEBUG)
    await api.ask("POST", path, authorization="Bearer c2VjcmV0")
    await api.ask("GET", path, x_api_key="c2VjcmV0")
    assert lines()
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("gaffer")]
    assert not any("c2VjcmV0" in line for line in ours)


def test_log_contains_no_control_character():
    shown = audit.clean("GET /\x1b[2J\r\n\x00\x9b\u2028" + "x" * 10_000)
    assert shown.startswith("GET /\\x1b[2J\\r\\n\\x00\\x9b\\u2028xxx")
    assert shown.isprintable()
    assert len(shown) < 400


# Programs of loaded jobs


LOADS = [
    ({"cmd": "/srv/app --password hunter2"}, "/srv/app"),
    ({"cmd": "'/srv/my app' x"}, "/srv/my app"),
    ({"cmd": "$APP x", "args": ["hunter2"]}, "$APP"),
    ({"cmd": "DB_PASSWORD=hunter2 /srv/app", "shell": True}, "a shell command"),
    ({"cmd": "DB_PASSWORD=hunter2 /srv/app"}, "DB_PASSWORD=***"),
    ({"cmd": "/srv/a\x1bb"}, "/srv/a\\x1bb"),
]


@pytest.mark.parametrize(("fields", "program"), LOADS)
async def test_load_is_logged_with_its_program(api, lines, fields, program):
    config = {"name": "x", "start": False, **fields}
    await api.ask("POST", "/jobs/one", config)
    await api.ask("PUT", "/jobs/one/x", config)
    await api.ask("POST", "/processes", {**config, "name": "one:y"})
    await api.ask("PUT", "/processes/one:y", {**config, "name": "one:y"})
    found = [line.partition(": ")[2].rpartition(": ")[0] for line in lines()]
    assert found == [
        f"{what} ({program})"
        for what in ("POST /jobs/one", "PUT /jobs/one/x", "POST /processes", "PUT /processes/one:y")
    ]
    assert "hunter2" not in json.dumps(lines())


@pytest.mark.parametrize(("fields", "program"), LOADS)
async def test_load_on_the_channel_is_logged_with_its_program(api, lines, fields, program):
    async with open_channel(api, "/channel", authorization="Bearer all") as channel:
        for command in ("load", "update"):
            try:
                await channel.do(command, {"name": "x", **fields}, sessionid="one", start=False)
            except CommandError:
                pass
    assert [line.rpartition(": ")[0] for line in lines()] == [
        f"token all: CMD load one.x ({program})",
        f"token all: CMD update one.x ({program})",
    ]
