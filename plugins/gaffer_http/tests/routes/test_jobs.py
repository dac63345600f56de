"""The routes of jobs, with real processes."""

import os
import signal

import pytest
import trio
from gaffer_kernel import JobConfig, NotFound

SLEEP = {"name": "dummy", "cmd": "sleep 100"}
JOB = "/jobs/default/dummy"


@pytest.fixture
async def dummy(api):
    """A running job."""
    answer = await api.ask("POST", "/jobs/default?wait=10", SLEEP)
    assert answer.status == 201
    return api.kernel.manager.get("dummy")


async def test_list_of_jobs_is_empty_at_first(api):
    assert (await api.ask("GET", "/jobs")).json == {"jobs": []}
    assert (await api.ask("GET", "/jobs/default")).slug == "not_found"


async def test_load_starts_a_job(api):
    answer = await api.ask("POST", "/jobs/default?wait=10", SLEEP)
    assert answer.status == 201
    assert answer.json == {"ok": True, "name": "dummy", "settled": True}
    assert answer.headers["location"] == JOB
    assert (await api.ask("GET", "/jobs")).json == {"jobs": ["dummy"]}
    info = (await api.ask("GET", answer.headers["location"])).json
    assert (info["running"], info["processes"], info["active"]) == (1, [1], True)


async def test_status_lists_all_jobs(api, dummy):
    await api.ask("POST", "/jobs/night", {**SLEEP, "name": "idle", "start": False})
    one, other = (await api.ask("GET", "/status")).json["jobs"]
    assert one.items() >= {"name": "dummy", "session": "default", "job": "dummy"}.items()
    assert one.items() >= {"pids": [1], "running": 1, "numprocesses": 1, "restarts": 0}.items()
    assert (other["name"], other["pids"], other["stopped"]) == ("night.idle", [], True)
    assert one == {**one, **(await api.ask("GET", "/jobs/default/dummy/status")).json}


async def test_load_into_a_session_names_the_session(api):
    answer = await api.ask("POST", "/jobs/shop", SLEEP)
    assert answer.json == {"ok": True, "name": "shop.dummy"}
    assert answer.headers["location"] == "/jobs/shop/dummy"
    assert (await api.ask("GET", "/jobs/shop")).json == {
        "sessionid": "shop",
        "jobs": ["shop.dummy"],
    }
    assert (await api.ask("GET", JOB)).slug == "not_found"


async def test_load_with_start_false_starts_nothing(api):
    await api.ask("POST", "/jobs/default?wait=10", SLEEP | {"start": False})
    assert (await api.ask("GET", JOB + "/state")).body == b"0"
    assert (await api.ask("GET", "/pids")).json == {"pids": []}


async def test_load_of_an_existing_job_is_a_conflict(api, dummy):
    answer = await api.ask("POST", "/jobs/default", SLEEP)
    assert (answer.status, answer.slug) == (409, "conflict")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "name: is missing"),
        ({"name": "x"}, "cmd: is missing"),
        ({"cmd": "y"}, "name: is missing"),
        ({"name": "x", "cmd": ""}, "cmd: must name a program"),
        ({"name": "a b", "cmd": "y"}, "name: must"),
        ({"name": "12", "cmd": "y"}, "name: must"),
        ({"name": 3, "cmd": "y"}, "name: must"),
        ({"name": "x", "cmd": "y", "numprocesses": -1}, "numprocesses: must"),
        ({"name": "x", "cmd": "y", "numprocesses": "3"}, "numprocesses: must"),
        ({"name": "x", "cmd": "y", "numprocesses": True}, "numprocesses: must"),
        ({"name": "x", "cmd": "y", "numproceses": 1}, "did you mean 'numprocesses'?"),
        ({"name": "x", "cmd": "y", "env": ["A"]}, "env: must"),
        ({"name": "x", "cmd": "y", "env": {"A": 1}}, "env.A: must"),
        ({"name": "x", "cmd": "y", "env": {"A": "***"}}, "env.A: is ***"),
        ({"name": "x", "cmd": "y", "args": [["z"]]}, "args[0]: must"),
        ({"name": "x", "cmd": "y", "flapping": {"attempt": 1}}, "flapping: has no 'attempt'"),
        ({"name": "x", "cmd": "y", "custom_channels": [3]}, "custom_channels: can only"),
        ({"name": "x", "cmd": "y", "detach": True, "redirect_input": True}, "detach: "),
        ({"name": "x", "cmd": "'"}, "cmd: "),
    ],
)
async def test_load_of_an_invalid_configuration_is_refused(api, fields, named):
    answer = await api.ask("POST", "/jobs/default", fields)
    assert (answer.status, answer.slug) == (400, "invalid_process_info")
    assert named in answer.json["reason"]
    assert (await api.ask("GET", "/jobs")).json == {"jobs": []}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"null", b"\xff"])
async def test_load_of_a_body_that_is_no_object_is_refused(api, body):
    answer = await api.ask("POST", "/jobs/default", body)
    assert (answer.status, answer.slug) == (400, "invalid_json")


async def test_load_into_an_invalid_session_is_refused(api):
    answer = await api.ask("POST", "/jobs/a%20b", SLEEP)
    assert (answer.status, answer.slug) == (400, "invalid_name")


async def test_fields_with_prefix_x_are_not_kept(api):
    assert (await api.ask("POST", "/jobs/default", SLEEP | {"x_note": {"by": 1}})).status == 201
    assert "x_note" not in (await api.ask("GET", JOB)).json["config"]


async def test_default_content_type_of_curl_is_accepted(api):
    body = b'{"name": "dummy", "cmd": "sleep 100"}'
    kind = "application/x-www-form-urlencoded"
    assert (await api.ask("POST", "/jobs/default", body, content_type=kind)).status == 201


async def test_missing_program_is_reported_in_the_status(api):
    answer = await api.ask("POST", "/jobs/default", {"name": "dummy", "cmd": "/no/such"})
    assert answer.status == 201
    with trio.fail_after(10):
        while not (status := (await api.ask("GET", JOB + "/status")).json)["last_error"]:
            await trio.sleep(0.01)
    assert "/no/such" in str(status["last_error"])


async def test_template_can_be_posted_back(api, dummy):
    config = (await api.ask("GET", JOB)).json["config"]
    assert set(config) == set(JobConfig.__struct_fields__) - {"custom_channels", "options"}
    answer = await api.ask("POST", "/jobs/default", config | {"name": "copy"})
    assert answer.status == 201
    copy = (await api.ask("GET", "/jobs/default/copy")).json["config"]
    assert copy == config | {"name": "copy"}


async def test_manager_can_post_the_shown_variables_back(api):
    await api.ask("POST", "/jobs/default?wait=10", SLEEP | {"env": {"SECRET": "hunter2"}})
    config = (await api.ask("GET", JOB)).json["config"]
    assert config["env"] == {"SECRET": "hunter2"}
    assert (await api.ask("GET", "/pids/1")).json["env"] == {"SECRET": "hunter2"}
    assert (await api.ask("POST", "/jobs/other", config)).status == 201


async def test_mask_is_not_accepted_as_a_value(api):
    await api.ask("POST", "/jobs/default?wait=10", SLEEP | {"env": {"SECRET": "hunter2"}})
    config = SLEEP | {"env": {"SECRET": "***"}}
    for method, path in (("PUT", JOB), ("POST", "/jobs/other")):
        answer = await api.ask(method, path, config)
        assert (answer.status, answer.slug) == (400, "invalid_process_info")
        assert "env.SECRET" in answer.json["reason"]
    assert api.kernel.manager.get("dummy").config.env == {"SECRET": "hunter2"}


# One job


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("HEAD", "", None),
        ("PUT", "", SLEEP | {"name": "none"}),
        ("DELETE", "", None),
        ("GET", "/state", None),
        ("POST", "/state", b"1"),
        ("GET", "/numprocesses", None),
        ("POST", "/numprocesses", {"scale": 1}),
        ("POST", "/signal", {"signal": 1}),
        ("GET", "/pids", None),
        ("GET", "/status", None),
        ("POST", "/commit", {}),
    ],
)
async def test_missing_job_is_not_found(api, dummy, method, path, body):
    for job in ("default/none", "none/dummy"):
        answer = await api.ask(method, f"/jobs/{job}{path}", body)
        assert answer.status == 404
        assert method == "HEAD" or answer.slug == "not_found"


async def test_invalid_job_name_is_refused(api):
    answer = await api.ask("GET", "/jobs/default/a%20b")
    assert (answer.status, answer.slug) == (400, "invalid_name")


async def test_update_changes_the_configuration(api, dummy):
    new = {"cmd": "sleep 200", "numprocesses": 2}
    answer = await api.ask("PUT", JOB + "?wait=10", new)
    assert (answer.status, answer.json) == (200, {"ok": True, "settled": True})
    info = (await api.ask("GET", JOB)).json
    assert info["config"]["cmd"] == "sleep 200"
    assert info["processes"] == [2, 3]


async def test_update_starts_a_stopped_job_only_with_start(api):
    await api.ask("POST", "/jobs/default?wait=10", SLEEP | {"start": False})
    await api.ask("PUT", JOB + "?wait=10", SLEEP)
    assert (await api.ask("GET", "/pids")).json == {"pids": []}
    await api.ask("PUT", JOB + "?wait=10", SLEEP | {"start": True})
    assert (await api.ask("GET", "/pids")).json == {"pids": [1]}


async def test_update_cannot_rename(api, dummy):
    answer = await api.ask("PUT", JOB, SLEEP | {"name": "other"})
    assert (answer.status, answer.slug) == (400, "invalid_process_info")
    assert "name: is 'dummy' here" in answer.json["reason"]


async def test_unload_removes_the_job(api, dummy):
    answer = await api.ask("DELETE", JOB + "?wait=10")
    assert (answer.status, answer.json) == (200, {"ok": True, "settled": True})
    assert (await api.ask("GET", "/jobs")).json == {"jobs": []}
    assert (await api.ask("GET", "/sessions")).json == {"sessions": []}
    assert (await api.ask("GET", "/pids")).json == {"pids": []}


@pytest.mark.parametrize("stop", [b"0", b" 0\n", {"state": "stop"}, {"state": 0}])
@pytest.mark.parametrize("start", [b"1", {"state": "start"}, {"state": "1"}])
async def test_state_stops_and_starts_the_job(api, dummy, stop, start):
    answer = await api.ask("POST", JOB + "/state?wait=10", stop)
    assert (answer.status, answer.json) == (202, {"ok": True, "settled": True})
    assert (await api.ask("GET", JOB + "/state")).body == b"0"
    assert (await api.ask("GET", "/pids")).json == {"pids": []}
    await api.ask("POST", JOB + "/state?wait=10", start)
    assert (await api.ask("GET", JOB + "/state")).body == b"1"
    assert (await api.ask("GET", "/pids")).json == {"pids": [2]}


@pytest.mark.parametrize("state", [b"2", {"state": "reload"}, {"state": "restart"}])
async def test_restart_replaces_the_processes(api, dummy, state):
    await api.ask("POST", JOB + "/state?wait=10", state)
    assert (await api.ask("GET", JOB + "/pids")).json == {"ok": True, "pids": [2]}


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"", "invalid_json"),
        (b"3", "invalid_json"),
        (b"on", "invalid_json"),
        ({}, "bad_value"),
        ({"state": "dance"}, "bad_value"),
        ({"state": True}, "bad_value"),
        ({"state": None}, "bad_value"),
        ({"state": []}, "bad_value"),
        ({"state": "stop", "now": True}, "bad_value"),
    ],
)
async def test_invalid_state_is_refused(api, dummy, body, slug):
    answer = await api.ask("POST", JOB + "/state", body)
    assert (answer.status, answer.slug) == (400, slug)
    assert dummy.active


@pytest.mark.parametrize(("scale", "number"), [(3, 4), ("+3", 4), ("-1", 0), ("=2", 2), (-5, 0)])
async def test_numprocesses_scales_the_job(api, dummy, scale, number):
    answer = await api.ask("POST", JOB + "/numprocesses?wait=10", {"scale": scale})
    assert (answer.status, answer.json) == (200, {"numprocesses": number, "settled": True})
    assert (await api.ask("GET", JOB + "/numprocesses")).json == {"numprocesses": number}
    assert len((await api.ask("GET", "/pids")).json["pids"]) == number


@pytest.mark.parametrize("scale", ["", "x", "1.5", 1.5, True, None, [], "++1", "=-1", "=99999999"])
async def test_invalid_scale_is_refused(api, dummy, scale):
    answer = await api.ask("POST", JOB + "/numprocesses", {"scale": scale})
    assert (answer.status, answer.slug) == (400, "bad_value")
    assert "scale: " in answer.json["reason"]
    assert (await api.ask("GET", JOB + "/numprocesses")).json == {"numprocesses": 1}


@pytest.mark.parametrize("number", ["TERM", "sigterm", 15, "15"])
async def test_signal_reaches_all_processes(api, dummy, number):
    answer = await api.ask("POST", JOB + "/signal", {"signal": number})
    assert (answer.status, answer.json) == (202, {"ok": True})
    with trio.fail_after(10):
        while (await api.ask("GET", JOB + "/pids")).json["pids"] != [2]:
            await trio.sleep(0.01)


@pytest.mark.parametrize("path", [JOB + "/signal", "/processes/dummy/_signal/HUP"])
async def test_signal_of_a_stopped_job_is_409(api, dummy, path):
    assert (await api.ask("POST", JOB + "/state?wait=10", {"state": "stop"})).status == 202
    answer = await api.ask("POST", path, None if "_signal" in path else {"signal": "HUP"})
    assert (answer.status, answer.slug) == (409, "not_running")
    assert "dummy: no process runs" in answer.json["reason"]


@pytest.mark.parametrize("number", ["", "NOPE", 0, 99, -1, 1.5, True, None, [], {}])
async def test_invalid_signal_is_refused(api, dummy, number):
    answer = await api.ask("POST", JOB + "/signal", {"signal": number})
    assert (answer.status, answer.slug) == (400, "bad_signal")


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("numprocesses", {}, "scale: is missing"),
        ("numprocesses", {"scale": 1, "sclae": 2}, "sclae: is not a field of this request, did"),
        ("signal", {}, "signal: is missing"),
        ("signal", {"signal": 1, "to": "x"}, "to: is not a field"),
        ("commit", {"environ": {}}, "environ: is not a field of this request, did you mean 'env'?"),
    ],
)
async def test_unknown_fields_are_named_in_the_error(api, dummy, path, body, reason):
    answer = await api.ask("POST", f"{JOB}/{path}", body)
    assert answer.status == 400
    assert reason in answer.json["reason"]


async def test_status_describes_the_job(api, dummy):
    status = (await api.ask("GET", JOB + "/status")).json
    assert (status["active"], status["running"], status["numprocesses"]) == (True, 1, 1)
    assert (status["stopped"], status["last_error"]) == (False, None)


# One-offs


@pytest.mark.parametrize(
    "body", [None, {}, {"env": {"A": "b"}, "graceful_timeout": 1}, {"env": None}]
)
async def test_commit_starts_a_one_off(api, dummy, body):
    answer = await api.ask("POST", JOB + "/commit?wait=10", body)
    assert (answer.status, answer.json) == (201, {"pid": 2, "settled": True})
    process = (await api.ask("GET", answer.headers["location"])).json
    assert process["committed"] is True
    assert process["env"] == ((body or {}).get("env") or {})
    info = (await api.ask("GET", JOB)).json
    assert (info["running"], info["running_out"], info["max_processes"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"env": []}, "env: must"),
        ({"env": {"A": 1}}, "env.A: must"),
        ({"env": {"A=B": "x"}}, "env: "),
        ({"env": {"A": "***"}}, "env.A: is ***"),
        ({"graceful_timeout": "x"}, "graceful_timeout: must"),
        ({"graceful_timeout": -1}, "graceful_timeout: must"),
    ],
)
async def test_commit_with_invalid_fields_is_refused(api, dummy, body, field):
    answer = await api.ask("POST", JOB + "/commit", body)
    assert (answer.status, answer.slug) == (400, "bad_value")
    assert field in answer.json["reason"]
    assert (await api.ask("GET", "/pids")).json == {"pids": [1]}


# Waiting


async def test_wait_that_is_too_short_returns_settled_false(api):
    stubborn = {"name": "dummy", "cmd": "sh -c 'trap : TERM; while :; do sleep 0.05; done'"}
    await api.ask("POST", "/jobs/default?wait=10", stubborn | {"graceful_timeout": 0.5})
    answer = await api.ask("DELETE", JOB + "?wait=0")
    assert answer.json == {"ok": True, "settled": False}


@pytest.mark.parametrize("wait", ["x", "", "-1", "nan", "inf", "601", "1e99"])
async def test_invalid_wait_is_refused(api, dummy, wait):
    answer = await api.ask("DELETE", f"{JOB}?wait={wait}")
    assert (answer.status, answer.slug) == (400, "bad_value")
    assert "wait: must be seconds" in answer.json["reason"]
    assert api.kernel.manager.get("dummy") is dummy


async def test_unknown_parameter_is_refused(api, dummy):
    answer = await api.ask("DELETE", f"{JOB}?wiat=1")
    assert (answer.status, answer.slug) == (400, "bad_value")
    assert "wiat: is not a parameter of this request, did you mean" in answer.json["reason"]
    assert api.kernel.manager.get("dummy") is dummy


async def test_killed_child_is_replaced(api, dummy):
    os.kill((await api.ask("GET", "/pids/1")).json["os_pid"], signal.SIGKILL)
    with trio.fail_after(10):
        while (await api.ask("GET", "/pids")).json != {"pids": [2]}:
            await trio.sleep(0.01)
    with pytest.raises(NotFound):
        api.kernel.manager.process(1)


# Restarts in batches


FOUR = {"name": "dummy", "cmd": "sleep 100", "numprocesses": 4, "ready_after": 0.05}


@pytest.fixture
async def four(api):
    """A running job with four processes."""
    answer = await api.ask("POST", "/jobs/default?wait=10", FOUR)
    assert answer.status == 201
    return api.kernel.manager.get("dummy")


@pytest.mark.parametrize("fields", [{"rolling": True}, {"batch": 1}, {"batch": "25%"}])
async def test_rolling_restart_stops_each_process_after_the_start_of_its_successor(
    api, four, fields
):
    async with api.kernel.events.subscribe(".") as events:
        answer = await api.ask("POST", f"{JOB}/state?wait=10", {"state": "restart", **fields})
        assert answer.json == {"ok": True, "settled": True}
        seen = []
        while len(seen) < 8:
            event = await anext(events)
            if event.event in ("spawn", "reap"):
                seen.append(event.event)
    assert seen == ["spawn", "reap"] * 4
    assert four.pids() == [5, 6, 7, 8]
    status = (await api.ask("GET", f"{JOB}/status")).json
    assert status["rollout"] == {"running": False, "left": 0, "failure": None}


async def test_change_to_a_program_that_crashes_is_taken_back(api, four):
    broken = {"cmd": "false", "restart_batch": 1, "ready_after": 5}
    answer = await api.ask("PUT", f"{JOB}?wait=10", broken)
    assert answer.status == 200
    reason = answer.json["reason"]
    assert reason.startswith("dummy: instance 1 exited with status 1")
    assert answer.json == {"ok": True, "settled": False, "reason": reason}
    assert four.pids() == [1, 2, 3, 4]
    assert (await api.ask("GET", JOB)).json["config"]["cmd"] == "sleep 100"
    status = (await api.ask("GET", f"{JOB}/status")).json
    assert f"dummy: {status['rollout']['failure']}" == reason


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"state": "restart", "batch": 0}, "batch"),
        ({"state": "restart", "batch": "some"}, "batch"),
        ({"state": "restart", "rolling": 1}, "rolling"),
        ({"state": "stop", "rolling": True}, "rolling"),
        ({"state": "start", "batch": 1}, "batch"),
        ({"state": "restart", "size": 1}, "size"),
    ],
)
async def test_wrong_field_of_a_restart_is_named(api, dummy, body, field):
    answer = await api.ask("POST", f"{JOB}/state", body)
    assert answer.status == 400
    assert answer.json["reason"].startswith(f"{field}: ")
    assert dummy.pids() == [1]
