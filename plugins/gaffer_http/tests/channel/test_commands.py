"""Each command of the channel, once as it should be and once not."""

import signal

import pytest
from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_testing.waiting import until

from ..channel_client import Refused, shell, start, talking

SLEEP = {"name": "x", "cmd": "sleep 100"}


@pytest.fixture
async def talker(api):
    async with talking(api, "/channel/websocket") as talker:
        yield talker


async def refusal(talker, name, /, *args, **kwargs):
    with pytest.raises(Refused) as refused:
        await talker.do(name, *args, **kwargs)
    return refused.value


async def test_lists(api, talker):
    await start(api, "a")
    await start(api, "b", "shop")
    assert await talker.do("sessions") == {"sessions": ["default", "shop"]}
    assert await talker.do("jobs") == {"jobs": ["a", "shop.b"]}
    assert await talker.do("jobs", "shop") == {"jobs": ["shop.b"], "sessionid": "shop"}
    assert await talker.do("jobs", sessionid="shop") == {"jobs": ["shop.b"], "sessionid": "shop"}
    assert await talker.do("pids") == {"pids": [1, 2]}
    assert await talker.do("pids", "shop.b") == {"pids": [2], "sessionid": "shop"}
    assert await talker.do("pids", "b", sessionid="shop") == {"pids": [2], "sessionid": "shop"}


async def test_load(api, talker):
    config = {**SLEEP, "env": {"A": "1", "B": "1"}, "x_note": "mine"}
    assert await talker.do("load", config, sessionid="shop", env={"B": "2"}) == {"ok": True}
    job = api.kernel.manager.get("shop.x")
    assert job.active
    assert job.config.env == {"A": "1", "B": "2"}
    await talker.do("load", {**SLEEP, "name": "shop.y"}, start=False)
    assert not api.kernel.manager.get("shop.y").active


async def test_update(api, talker):
    job = api.kernel.manager.get((await start(api)).job)
    assert await talker.do("update", {**SLEEP, "numprocesses": 2}) == {"ok": True}
    assert (job.config.cmd, job.numprocesses) == ("sleep 100", 2)
    await talker.do("stop_job", "x")
    await talker.do("update", SLEEP)
    assert not job.active
    await talker.do("update", SLEEP, start=True)
    assert job.active


@pytest.mark.parametrize("command", ["load", "update"])
@pytest.mark.parametrize(
    ("args", "slug"),
    [
        ([], "config_missing"),
        (["x"], "bad_value"),
        ([{"cmd": "x"}], "invalid_config"),
        ([{"name": "a b", "cmd": "x"}], "invalid_config"),
        ([{"name": "x"}], "invalid_config"),
        ([{**SLEEP, "nmprocesses": 2}], "invalid_config"),
        ([{**SLEEP, "env": {"KEY": "***"}}], "invalid_config"),
        ([{**SLEEP, "env": 1}], "invalid_config"),
    ],
)
async def test_configurations_that_are_none(api, talker, command, args, slug):
    await start(api)
    error = await refusal(talker, command, *args)
    assert (error.status, error.slug) == (400, slug)
    assert api.kernel.manager.get("x").config.cmd == "cat"


async def test_a_job_is_loaded_once(api, talker):
    await start(api)
    error = await refusal(talker, "load", SLEEP)
    assert (error.status, error.slug) == (409, "conflict")


async def test_load_and_unload_in_order(api, talker):
    asked = []
    for _ in range(20):
        asked.append(await talker.ask("load", SLEEP))
        asked.append(await talker.ask("unload", "x"))
    answers = [await talker.answer() for _ in asked]
    assert [answer["data"]["id"] for answer in answers] == asked
    assert {answer["event"] for answer in answers} == {"gaffer:command_success"}


async def test_the_life_of_a_job(api, talker):
    await start(api)
    job = api.kernel.manager.get("x")
    assert await talker.do("stop_job", "x") == {"ok": True}
    assert not job.active
    assert await talker.do("start_job", "x") == {"ok": True}
    assert job.active
    await job.settled()
    for command in ("reload", "stopall"):
        before = job.pids()
        assert await talker.do(command, "default.x") == {"ok": True}
        await job.settled()
        assert job.pids() != before
    assert await talker.do("scale", "x", 2) == {"numprocesses": 3}
    assert await talker.do("scale", "x", n="=1") == {"numprocesses": 1}
    assert await talker.do("unload", "x") == {"ok": True}
    assert api.kernel.manager.jobs() == []


async def test_a_one_off(api, talker):
    await talker.do("load", {**SLEEP, "numprocesses": 0})
    assert await talker.do("commit", "x") == {"ok": True, "pid": 1}
    result = await talker.do("commit", "x", 2.5, {"A": "1"})
    process = api.kernel.manager.process(result["pid"])
    assert (process.graceful_timeout, process.config.env) == (2.5, {"A": "1"})
    error = await refusal(talker, "commit", "x", env={"A": "***"})
    assert (error.status, "env.A" in error.message) == (400, True)


async def test_signals(api, talker):
    process = await start(api, cmd="sleep 100")
    for command, subject in (("kill", 1), ("killall", "x")):
        assert await talker.do(command, subject, "STOP") == {"ok": True}
        await until(lambda: process.status() == "stopped")
        assert await talker.do(command, subject, signal.SIGCONT.value) == {"ok": True}
        await until(lambda: process.status() != "stopped")
        error = await refusal(talker, command, subject, "NOPE")
        assert (error.status, error.slug) == (400, "bad_signal")
    api.kernel.manager.jobs()[0].stop()
    await until(lambda: not api.kernel.manager.pids())
    error = await refusal(talker, "killall", "x", "HUP")
    assert (error.status, error.slug) == (409, "not_running")


async def test_a_process_is_stopped_and_replaced(api, talker):
    process = await start(api)
    assert await talker.do("stop_process", 1) == {"ok": True}
    await until(lambda: process.exit_status)
    await api.kernel.manager.get("x").settled()
    assert await talker.do("pids") == {"pids": [2]}


async def test_descriptions(api, talker):
    await start(api, cmd="sleep 100", env={"KEY": "hunter2"})
    job = (await talker.do("info", "x"))["info"]
    assert (job["name"], job["processes"], job["config"]["cmd"]) == ("x", [1], "sleep 100")
    process = (await talker.do("process_info", 1))["info"]
    assert (process["name"], process["pid"], process["env"]) == ("x", 1, {"KEY": "hunter2"})


async def test_samples(running_api):
    async with running_api(stats_plugin) as api, talking(api) as talker:
        await start(api)
        # What waits holds up nothing else.
        waiting = [await talker.ask("stats", "x"), await talker.ask("process_stats", 1)]
        assert await talker.do("pids") == {"pids": [1]}
        answers = [await talker.answer() for _ in waiting]
        results = {each["data"]["id"]: each["data"]["result"]["stats"] for each in answers}
        assert results[waiting[0]]["stats"][0]["pid"] == 1
        assert results[waiting[1]]["os_pid"] == api.kernel.manager.process(1).os_pid


async def test_samples_need_the_plugin_that_measures(api, talker):
    await start(api)
    for command, subject in (("stats", "x"), ("process_stats", 1)):
        error = await refusal(talker, command, subject)
        assert (error.status, "gaffer-stats" in error.message) == (404, True)


async def test_what_is_sent_is_read_in_order(api, talker):
    await start(api)
    await talker.subscribe("STREAM:1")
    for number in range(100):
        await talker.ask("send", 1, f"{number}\n")
    assert [(await talker.answer())["data"]["result"] for _ in range(100)] == [{"ok": True}] * 100
    assert await talker.do("send", 1, ["a", "b\n"], "ttin") == {"ok": True}
    got = ""
    while not got.endswith("ab\n"):
        got += (await talker.event())["data"]
    assert got == "".join(f"{number}\n" for number in range(100)) + "ab\n"


async def test_what_cannot_be_sent(api, talker):
    await start(api, "deaf", cmd="sleep 100", redirect_output=("stdout",))
    await start(api)
    for args, status, slug in (
        ([9, "x"], 404, "not_found"),
        ([1, "x"], 403, "forbidden_write"),
        ([2, "x", "stdout"], 404, "stream_not_found"),
        ([2], 400, "bad_command"),
        ([2, 7], 400, "bad_value"),
        ([2, [7]], 400, "bad_value"),
    ):
        error = await refusal(talker, "send", *args)
        assert (error.status, error.slug) == (status, slug), args


OF_JOBS = [
    *("unload", "reload", "start_job", "stop_job", "stopall", "info", "stats", "commit", "pids"),
]


@pytest.mark.parametrize("command", OF_JOBS)
async def test_commands_about_no_job(api, talker, command):
    error = await refusal(talker, command, "nope")
    assert (error.status, error.slug) == (404, "not_found")
    error = await refusal(talker, command, "a b")
    assert (error.status, error.slug) == (400, "invalid_name")
    if command != "pids":
        error = await refusal(talker, command)
        assert (error.status, error.slug, error.message) == (
            *(400, "bad_command"),
            f"{command}: name: is missing",
        )


@pytest.mark.parametrize(
    ("command", "args", "status", "slug", "named"),
    [
        ("jbs", [], 404, "command_not_found", "did you mean 'jobs'"),
        ("__class__", [], 404, "command_not_found", "__class__"),
        ("jobs", ["nope"], 404, "not_found", "nope"),
        ("sessions", ["x"], 400, "bad_command", "no arguments"),
        ("unload", ["x", "y"], 400, "bad_command", "name"),
        ("info", [7], 400, "invalid_name", "name"),
        ("scale", ["x"], 400, "bad_command", "n: is missing"),
        ("scale", ["x", "many"], 400, "bad_value", "many"),
        ("scale", ["x", True], 400, "bad_value", "n:"),
        ("killall", ["x"], 400, "bad_command", "sig"),
        ("kill", [1], 400, "bad_command", "sig"),
        ("kill", [9, "HUP"], 404, "not_found", "9"),
        ("stop_process", ["1"], 400, "bad_value", "pid"),
        ("stop_process", [9], 404, "not_found", "9"),
        ("process_info", [], 400, "bad_command", "pid"),
        ("process_info", [9], 404, "not_found", "9"),
        ("process_stats", [9], 404, "not_found", "9"),
        ("commit", ["x", "soon"], 400, "bad_value", "graceful_timeout"),
        ("commit", ["x", 1, {"A": 1}], 400, "bad_value", "env"),
    ],
)
async def test_what_is_wrong_with_a_command_is_named(
    api, talker, command, args, status, slug, named
):
    await start(api)
    error = await refusal(talker, command, *args)
    assert (error.status, error.slug) == (status, slug)
    assert named in error.message


async def test_arguments_that_nobody_reads(api, talker):
    await start(api)
    error = await refusal(talker, "scale", "x", nn=1)
    assert (error.slug, error.message) == (
        *("bad_value",),
        "nn: is not a field of this request, did you mean 'n'?",
    )
    error = await refusal(talker, "info", "x", name="x")
    assert (error.slug, "twice" in error.message) == ("bad_command", True)


async def test_a_command_is_done_although_the_client_goes(api):
    await start(api)
    async with talking(api) as talker:
        await talker.ask("send", 1, "last words\n")
        await talker.ask("scale", "x", 1)
        await talker.socket.aclose()
    await until(lambda: api.kernel.manager.get("x").numprocesses == 2)
    log = api.kernel.manager.process(1).outputs.logs["stdout"]
    await until(lambda: log.end == len("last words\n"))


async def test_nothing_is_changed_while_gaffer_stops(api, talker):
    process = await shell(api, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    await until(lambda: process.outputs.logs["out"].end)
    api.kernel.stop()
    for command, *args in (("stop_job", "x"), ("scale", "x", 1), ("send", 1, "x")):
        error = await refusal(talker, command, *args)
        assert (error.status, error.slug) == (503, "shutting_down")
    assert await talker.do("pids") == {"pids": [1]}
    api.kernel.stop(kill=True)


async def test_a_defect_ends_only_its_command(api, talker, caplog, monkeypatch):
    process = await start(api)
    monkeypatch.setattr(type(process), "kill", lambda *args: 1 / 0)
    error = await refusal(talker, "kill", 1, "HUP")
    assert (error.status, error.slug) == (500, "internal_error")
    assert "ZeroDivisionError" in caplog.text
    assert await talker.do("pids") == {"pids": [1]}
