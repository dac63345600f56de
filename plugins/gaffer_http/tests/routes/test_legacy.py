"""The paths of older gaffers, with the old names."""

import pytest
from gaffer_kernel import JobConfig
from gaffer_testing.waiting import until

SLEEP = {"name": "dummy", "cmd": "sleep 100"}


@pytest.fixture
async def dummy(api):
    """A running job."""
    answer = await api.ask("POST", "/processes?wait=10", SLEEP)
    assert (answer.status, answer.json) == (200, {"ok": True, "settled": True})
    return api.kernel.manager.get("dummy")


@pytest.fixture
def shop(api):
    """The jobs `a` and `b` of a session, and one of another."""
    load = api.kernel.manager.load
    jobs = [load(JobConfig(name=name, cmd="sleep 100"), "shop") for name in "ab"]
    load(JobConfig(name="x", cmd="sleep 100"), "alone")
    return jobs


async def test_lists_have_the_names_of_old_gaffers(api, shop):
    assert (await api.ask("GET", "/processes")).json == ["shop:a", "shop:b", "alone:x"]
    await api.ask("POST", "/processes?wait=10", SLEEP)
    assert (await api.ask("GET", "/processes")).json[-1] == "dummy"
    for job in shop:
        await job.settled()
    for yes in ("true", "1"):
        pids = (await api.ask("GET", f"/processes?running={yes}")).json
        assert pids == api.kernel.manager.pids()
    assert (await api.ask("GET", "/processes?running=false")).json[-1] == "dummy"
    assert (await api.ask("GET", "/processes?running=maybe")).slug == "bad_value"
    assert (await api.ask("GET", "/processes?runing=1")).slug == "bad_value"


async def test_load_of_an_existing_job_is_a_conflict(api, dummy):
    assert dummy.pids() == [1]
    answer = await api.ask("POST", "/processes", SLEEP)
    assert (answer.status, answer.slug) == (409, "conflict")
    answer = await api.ask("POST", "/processes", {**SLEEP, "name": "shop:a", "start": False})
    assert answer.json == {"ok": True}
    assert not api.kernel.manager.get("shop.a").active


@pytest.mark.parametrize(
    "body",
    [
        {"cmd": "x"},
        {"name": "x"},
        {"name": 5, "cmd": "x"},
        {"name": "1", "cmd": "x"},
        {"name": "a:b:c", "cmd": "x"},
        {"name": "x", "cmd": "x", "cmmd": "y"},
        {"name": "x", "cmd": "x", "env": {"A": "***"}},
    ],
)
async def test_invalid_job_is_refused(api, body):
    answer = await api.ask("POST", "/processes", body)
    assert (answer.status, answer.slug) == (400, "invalid_process_info")
    assert (await api.ask("GET", "/processes")).json == []
    assert (await api.ask("POST", "/processes", b"{")).slug == "invalid_json"


async def test_shown_configuration_can_be_posted_back(api):
    flapping = {"attempts": 3, "window": 1.0, "retry_in": 5.0, "max_retry": 2}
    job = {**SLEEP, "name": "shop:a", "numprocesses": 2, "flapping": flapping, "start": False}
    await api.ask("POST", "/processes", job)
    shown = (await api.ask("GET", "/processes/shop:a")).json
    assert shown | job == shown
    answer = await api.ask("POST", "/processes", {**shown, "name": "shop:b"})
    assert answer.status == 200
    assert (await api.ask("GET", "/processes/shop:b")).json == {**shown, "name": "shop:b"}


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_update_changes_the_configuration(api, dummy, method):
    body = {"cmd": "sleep 99", "numprocesses": 2}
    answer = await api.ask(method, "/processes/dummy?wait=10", body)
    assert answer.json == {"ok": True, "settled": True}
    assert dummy.pids() == [2, 3]
    body = {**body, "name": "other"}
    answer = await api.ask(method, "/processes/dummy", body)
    assert (answer.status, answer.slug) == (400, "invalid_process_info")
    assert (await api.ask(method, "/processes/nope", body)).slug == "not_found"


async def test_start_stop_and_restart_change_the_processes(api, dummy):
    for verb, active, pids in (
        ("_stop", False, []),
        ("_start", True, [2]),
        ("_restart", True, [3]),
    ):
        answer = await api.ask("POST", f"/processes/dummy/{verb}?wait=10")
        assert (answer.status, answer.json) == (200, {"ok": True, "settled": True})
        status = (await api.ask("GET", "/status/dummy")).json
        assert (status["active"], status["running"]) == (active, len(pids))
        answer = await api.ask("GET", "/processes/dummy/_pids")
        assert answer.json == {"ok": True, "pids": pids}


async def test_scale_changes_the_number_of_processes(api, dummy):
    for path, number in (("_add/3", 4), ("_sub/2", 2), ("_add", 3), ("_sub", 2), ("_sub/9", 0)):
        answer = await api.ask("POST", f"/processes/dummy/{path}?wait=10")
        assert answer.json == {"ok": True, "numprocesses": number, "settled": True}
        assert len(dummy.pids()) == number
    for n in ("abc", "-1", "=3", "1.5", "%C2%B2"):
        answer = await api.ask("POST", f"/processes/dummy/_add/{n}")
        assert (answer.status, answer.slug) == (400, "bad_value")


@pytest.mark.parametrize("signal", ["KILL", "SIGKILL", "9"])
@pytest.mark.parametrize("target", ["dummy", "1"])
async def test_signals_reach_the_processes(api, dummy, target, signal):
    answer = await api.ask("POST", f"/processes/{target}/_signal/{signal}")
    assert (answer.status, answer.json) == (200, {"ok": True})
    await until(lambda: dummy.pids() == [2])


async def test_invalid_signals_are_refused(api, dummy):
    for path, slug in (("_signal", "no_signal_number"), ("_signal/NOPE", "bad_signal")):
        for target in ("dummy", "1"):
            answer = await api.ask("POST", f"/processes/{target}/{path}")
            assert (answer.status, answer.slug) == (400, slug)


async def test_pid_is_shown_with_its_configuration(api, shop):
    await shop[0].settled()
    [pid] = shop[0].pids()
    shown = (await api.ask("GET", f"/processes/{pid}")).json
    assert (shown["name"], shown["pid"], shown["numprocesses"]) == ("shop:a", pid, 1)
    assert shown["os_pid"] == shop[0].processes[0].os_pid
    assert (await api.ask("HEAD", f"/processes/{pid}")).status == 200
    assert (await api.ask("HEAD", "/processes/99")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("DELETE", "/processes/1", 200), ("POST", "/processes/1/_stop", 200), ("DELETE", "/1", 202)],
)
async def test_stopped_process_is_replaced(api, dummy, method, path, status):
    answer = await api.ask(method, f"{path}?wait=10")
    assert (answer.status, answer.json) == (status, {"ok": True, "settled": True})
    assert dummy.pids() == [2]


async def test_bare_pid_is_shown_and_signalled(api, dummy):
    assert (await api.ask("GET", "/1")).json["os_pid"] == dummy.processes[0].os_pid
    answer = await api.ask("POST", "/1/signal", {"signal": "KILL"})
    assert answer.status == 202
    await until(lambda: dummy.pids() == [2])
    for path in ("/99", "/99999999"):
        assert (await api.ask("GET", path)).slug == "not_found"
    for path in ("/x", "/-1", "/1.5", f"/{'9' * 5000}"):
        assert (await api.ask("GET", path)).slug == "resource_not_found"


async def test_operations_of_jobs_are_refused_for_a_pid(api, dummy):
    for path in ("_start", "_restart", "_add", "_sub/1", "_nope"):
        answer = await api.ask("POST", f"/processes/1/{path}")
        assert (answer.status, answer.slug) == (404, "resource_not_found"), path
    for path in ("/processes/1/_pids", "/status/1"):
        assert (await api.ask("GET", path)).slug == "resource_not_found"
    assert dummy.pids() == [1]


async def test_removed_job_is_not_found(api, dummy):
    answer = await api.ask("DELETE", "/processes/dummy?wait=10")
    assert (answer.status, answer.json) == (200, {"ok": True, "settled": True})
    assert (await api.ask("GET", "/processes")).json == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/processes/nope"),
        ("GET", "/processes/shop:nope"),
        ("DELETE", "/processes/nope"),
        ("POST", "/processes/nope/_start"),
        ("POST", "/processes/9/_stop"),
        ("POST", "/processes/9/_signal/HUP"),
        ("GET", "/status/nope"),
        ("GET", "/groups/nope"),
        ("DELETE", "/groups/nope"),
        ("POST", "/groups/nope/_stop"),
    ],
)
async def test_missing_objects_are_not_found(api, method, path):
    answer = await api.ask(method, path)
    assert (answer.status, answer.slug) == (404, "not_found")


async def test_groups_are_sessions(api, shop):
    assert (await api.ask("GET", "/groups")).json == ["alone", "shop"]
    assert (await api.ask("GET", "/groups/shop")).json == ["shop:a", "shop:b"]
    for verb, active in (("_stop", False), ("_start", True), ("_restart", True)):
        answer = await api.ask("POST", f"/groups/shop/{verb}?wait=10")
        assert (answer.status, answer.json) == (200, {"ok": True, "settled": True})
        assert [job.active for job in shop] == [active, active]
    assert (await api.ask("POST", "/groups/shop/_nope")).slug == "resource_not_found"
    await api.ask("DELETE", "/processes/shop:a")
    assert (await api.ask("GET", "/groups/shop")).json == ["shop:b"]
    assert (await api.ask("DELETE", "/groups/shop?wait=10")).json == {"ok": True, "settled": True}
    assert (await api.ask("GET", "/groups")).json == ["alone"]
