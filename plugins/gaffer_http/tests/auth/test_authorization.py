"""Permissions of callers in all sessions or some."""

import pytest
from gaffer_testing import Callers, TokenCaller

JOBS = [
    *({"name": name, "cmd": "cat", "redirect_input": True} for name in ("a", "b")),
    {"name": "c", "cmd": "cat", "redirect_input": True, "env": {"KEY": "hunter2"}, "args": ["-"]},
]
PEOPLE = {
    "reader": TokenCaller("read", "reader"),
    "writer": TokenCaller("write", "writer"),
    "manager": TokenCaller("manage", "manager"),
    "guest": TokenCaller("read.one", "guest"),
    "typist": TokenCaller("write.one", "typist"),
    "tenant": TokenCaller("manage.one", "tenant"),
}


@pytest.fixture
async def ask(running_api):
    """`await ask(name, method, path, body)`, with jobs one.a, one.b and two.c, pids 1, 2 and 3."""
    async with running_api(Callers(PEOPLE)) as api:
        for session, job in zip(("one", "one", "two"), JOBS, strict=True):
            assert (await api.ask("POST", f"/jobs/{session}?wait=10", job)).status == 201

        async def ask(caller, method, path, body=None, **headers):
            return await api.ask(method, path, body, authorization=f"Bearer {caller}", **headers)

        yield ask


READS = [
    *("/", "/ping", "/version", "/jobs", "/sessions", "/pids", "/processes", "/groups"),
    "/status",
    *("/jobs/one", "/jobs/one/a", "/jobs/one/a/pids", "/pids/1", "/1", "/processes/one:a"),
    *("/processes/1", "/status/one.a", "/sessions/one", "/groups/one", "/processes?running=1"),
]
OTHERS_READS = [
    *("/jobs/two", "/jobs/two/c", "/jobs/two/c/state", "/pids/3", "/3", "/processes/two:c"),
    *("/processes/3", "/status/two.c", "/sessions/two", "/groups/two", "/streams/3/stdout"),
    "/processes/two:c/_pids",
]
CHANGES = [
    ("POST", "/jobs/one/a/state", {"state": "start"}, 202),
    ("POST", "/jobs/one/a/numprocesses", {"scale": "+1"}, 200),
    ("POST", "/pids/2/signal", {"signal": "CONT"}, 202),
    ("POST", "/processes/one:b/_signal/CONT", None, 200),
    ("POST", "/processes/2/_signal/CONT", None, 200),
    ("POST", "/sessions/one/start", None, 200),
    ("POST", "/groups/one/_start", None, 200),
    ("POST", "/jobs/one", {"name": "new", "cmd": "true", "start": False}, 201),
    ("POST", "/processes", {"name": "one:newer", "cmd": "true", "start": False}, 200),
    ("PUT", "/jobs/one/new", {"cmd": "false"}, 200),
    ("DELETE", "/jobs/one/new", None, 200),
    ("DELETE", "/processes/one:newer", None, 200),
    ("POST", "/jobs/one/a/commit", {}, 201),
    ("DELETE", "/pids/2", None, 202),
]
OTHERS_CHANGES = [
    ("POST", "/jobs/two/c/state", {"state": "stop"}),
    ("POST", "/pids/3/signal", {"signal": "KILL"}),
    ("POST", "/3/signal", {"signal": "KILL"}),
    ("POST", "/processes/two:c/_stop", None),
    ("POST", "/processes/3/_stop", None),
    ("POST", "/sessions/two/stop", None),
    ("DELETE", "/groups/two", None),
    ("POST", "/jobs/two", {"name": "new", "cmd": "true"}),
    ("POST", "/jobs/default", {"name": "new", "cmd": "true"}),
    ("POST", "/processes", {"name": "new", "cmd": "true"}),
    ("POST", "/processes", {"name": "two:new", "cmd": "true"}),
    ("PUT", "/jobs/two/c", {"cmd": "true"}),
    ("DELETE", "/jobs/two/c", None),
    ("DELETE", "/pids/3", None),
    ("DELETE", "/processes/3", None),
    ("POST", "/jobs/two/c/commit", {}),
    ("POST", "/shutdown", None),
]


@pytest.mark.parametrize("caller", PEOPLE)
async def test_caller_reads_jobs_of_their_sessions(ask, caller):
    assert {path: (await ask(caller, "GET", path)).status for path in READS} == dict.fromkeys(
        READS, 200
    )


@pytest.mark.parametrize("caller", ["manager", "tenant"])
async def test_manager_changes_jobs_of_their_sessions(ask, caller):
    for method, path, body, status in CHANGES:
        assert (await ask(caller, method, path, body)).status == status, path


@pytest.mark.parametrize("caller", ["reader", "writer", "guest", "typist"])
async def test_callers_without_manage_change_nothing(ask, caller):
    for method, path, body, _ in CHANGES:
        answer = await ask(caller, method, path, body)
        assert (answer.status, answer.slug) == (403, "forbidden"), path
    assert (await ask("manager", "GET", "/pids")).json == {"pids": [1, 2, 3]}


@pytest.mark.parametrize("caller", ["guest", "typist", "tenant"])
async def test_jobs_of_other_sessions_are_hidden_and_unchangeable(ask, caller):
    asked = [("GET", path, None) for path in OTHERS_READS]
    for method, path, body in asked + OTHERS_CHANGES:
        answer = await ask(caller, method, path, body)
        # The pid of a process must not reveal its session.
        refused = (404, "not_found") if "3" in path.split("/") else (403, "forbidden")
        assert (answer.status, answer.slug) == refused, path
    assert (await ask("manager", "GET", "/jobs/two")).json["jobs"] == ["two.c"]
    assert (await ask("manager", "GET", "/pids/3")).status == 200


@pytest.mark.parametrize(
    ("path", "mine"),
    [
        ("/jobs", {"jobs": ["one.a", "one.b"]}),
        ("/sessions", {"sessions": ["one"]}),
        ("/pids", {"pids": [1, 2]}),
        ("/processes", ["one:a", "one:b"]),
        ("/processes?running=true", [1, 2]),
        ("/groups", ["one"]),
    ],
)
async def test_lists_contain_only_readable_jobs(ask, path, mine):
    assert (await ask("guest", "GET", path)).json == mine
    assert (await ask("reader", "GET", path)).json != mine


async def test_status_of_all_contains_only_readable_jobs(ask):
    for caller, names in (("guest", ["one.a", "one.b"]), ("reader", ["one.a", "one.b", "two.c"])):
        answer = await ask(caller, "GET", "/status")
        assert [job["name"] for job in answer.json["jobs"]] == names


@pytest.mark.parametrize("caller", ["writer", "typist"])
async def test_writing_to_a_process_requires_write(ask, caller):
    assert (await ask(caller, "POST", "/streams/1/stdin", b"x")).status == 200
    for other in ("reader", "guest"):
        assert (await ask(other, "POST", "/streams/1/stdin", b"x")).slug == "forbidden"
    assert (await ask("typist", "POST", "/streams/3/stdin", b"x")).slug == "not_found"


async def test_secrets_are_masked_for_callers_without_manage(ask):
    for caller in ("reader", "writer"):
        config = (await ask(caller, "GET", "/jobs/two/c")).json["config"]
        process = (await ask(caller, "GET", "/pids/3")).json
        flat = (await ask(caller, "GET", "/processes/two:c")).json
        for shown in (config, process, flat):
            assert (shown["cmd"], shown["args"], shown["env"]) == ("cat", ["***"], {"KEY": "***"})
        assert process["argv"] == ["cat", "***"]
    config = (await ask("manager", "GET", "/jobs/two/c")).json["config"]
    assert (config["args"], config["env"]) == (["-"], {"KEY": "hunter2"})


MASKED = [
    ({"cmd": "PASSWORD=hunter2 sleep 60 # hunter2", "shell": True}, "***", ["/bin/sh", "***"]),
    ({"cmd": "sleep 60; :", "shell": True, "args": ["hunter2"]}, "***", ["/bin/sh", "***"]),
    ({"cmd": "$SLEEP 60", "env": {"SLEEP": "/bin/../bin/sleep"}}, "$SLEEP ***", ["$SLEEP", "***"]),
    ({"cmd": "cat", "redirect_input": True}, "cat", ["cat"]),
    ({"cmd": "'sleep' 60"}, "'sleep' ***", ["sleep", "***"]),
]


@pytest.mark.parametrize(("config", "cmd", "argv"), MASKED)
async def test_command_is_masked_where_it_may_contain_secrets(ask, config, cmd, argv):
    created = await ask("manager", "POST", "/jobs/one?wait=10", {"name": "d", **config})
    assert created.status == 201
    pid = (await ask("reader", "GET", "/jobs/one/d/pids")).json["pids"][0]
    paths = ("/jobs/one/d", "/processes/one:d", f"/pids/{pid}", f"/{pid}", f"/processes/{pid}")
    for path in paths:
        shown = (await ask("reader", "GET", path)).json
        assert not [word for word in ("hunter2", "bin/sleep") if word in str(shown)], path
        assert shown.get("config", shown)["cmd"] == cmd
        if "argv" in shown:
            assert shown["argv"] == argv
        assert "***" not in str((await ask("manager", "GET", path)).json)


NO_SHELL = {"name": "d", "cmd": "PASSWORD=hunter2 sleep 60"}


@pytest.mark.parametrize("config", [NO_SHELL, {"name": "d", "cmd": "/$S", "env": {"S": "hunter2"}}])
async def test_error_of_a_failed_start_contains_no_secret(ask, config):
    await ask("manager", "POST", "/jobs/one", config)
    seen = (await ask("reader", "GET", "/watch/spawn_error?since=0")).json
    assert seen["error"] == "command_not_found"
    answers = [seen]
    for path in ("/jobs/one/d", "/jobs/one/d/state", "/status/one.d", "/status"):
        answers.append((await ask("reader", "GET", path)).json)
    assert "hunter2" not in str(answers)
    assert "no such program" in answers[-2]["last_error"]


@pytest.mark.parametrize(
    ("shell", "shown"), [(True, "***"), (False, "curl ***")], ids=["shell", "no-shell"]
)
async def test_stop_command_is_masked_too(ask, shell, shown):
    config = {"name": "d", "cmd": "cat", "shell": shell, "start": False}
    config["stop_command"] = "curl -u a:hunter2 /"
    assert (await ask("manager", "POST", "/jobs/one", config)).status == 201
    for caller, expected in ("reader", shown), ("manager", "curl -u a:hunter2 /"):
        answer = (await ask(caller, "GET", "/jobs/one/d")).json
        assert answer["config"]["stop_command"] == expected


@pytest.mark.parametrize("field", ["cmd", "stop_command"])
async def test_masked_command_is_refused_in_a_configuration(ask, field):
    fields = {"cmd": "true", "shell": True, field: "***"}
    answer = await ask("manager", "PUT", "/jobs/one/a", fields)
    assert (answer.status, answer.slug) == (400, "invalid_process_info")
    assert f"{field}: is ***" in str(answer.json)


async def test_events_of_other_sessions_are_not_sent(ask):
    seen = []
    for caller in ("guest", "reader"):
        answer = await ask(caller, "GET", "/watch?since=0")
        seen.append(answer.json["name"])
    assert seen == ["one.a", "http"]


async def test_missing_object_is_404_instead_of_403(ask):
    for path in ("/pids/77", "/processes/77", "/nothing"):
        assert (await ask("guest", "GET", path)).status == 404
    assert (await ask("guest", "PATCH", "/jobs")).status == 405
