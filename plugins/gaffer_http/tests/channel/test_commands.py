"""Each command of the channel, with valid and invalid arguments."""

import signal

import pytest
from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_testing.waiting import until

from ..channel_client import CommandError, open_channel, shell, start

SLEEP = {"name": "x", "cmd": "sleep 100"}


@pytest.fixture
async def channel(api):
    async with open_channel(api, "/channel/websocket") as channel:
        yield channel


async def refusal(channel, name, /, *args, **kwargs):
    with pytest.raises(CommandError) as refused:
        await channel.do(name, *args, **kwargs)
    return refused.value


async def test_lists_return_sessions_jobs_and_pids(api, channel):
    await start(api, "a")
    await start(api, "b", "shop")
    assert await channel.do("sessions") == {"sessions": ["default", "shop"]}
    assert await channel.do("jobs") == {"jobs": ["a", "shop.b"]}
    assert await channel.do("jobs", "shop") == {"jobs": ["shop.b"], "sessionid": "shop"}
    assert await channel.do("jobs", sessionid="shop") == {"jobs": ["shop.b"], "sessionid": "shop"}
    assert await channel.do("pids") == {"pids": [1, 2]}
    assert await channel.do("pids", "shop.b") == {"pids": [2], "sessionid": "shop"}
    assert await channel.do("pids", "b", sessionid="shop") == {"pids": [2], "sessionid": "shop"}


async def test_load_starts_a_job(api, channel):
    config = {**SLEEP, "env": {"A": "1", "B": "1"}, "x_note": "mine"}
    assert await channel.do("load", config, sessionid="shop", env={"B": "2"}) == {"ok": True}
    job = api.kernel.manager.get("shop.x")
    assert job.active
    assert job.config.env == {"A": "1", "B": "2"}
    await channel.do("load", {**SLEEP, "name": "shop.y"}, start=False)
    assert not api.kernel.manager.get("shop.y").active


async def test_update_changes_the_configuration(api, channel):
    job = api.kernel.manager.get((await start(api)).job)
    assert await channel.do("update", {**SLEEP, "numprocesses": 2}) == {"ok": True}
    assert (job.config.cmd, job.numprocesses) == ("sleep 100", 2)
    await channel.do("stop_job", "x")
    await channel.do("update", SLEEP)
    assert not job.active
    await channel.do("update", SLEEP, start=True)
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
async def test_invalid_configurations_are_refused(api, channel, command, args, slug):
    await start(api)
    error = await refusal(channel, command, *args)
    assert (error.status, error.slug) == (400, slug)
    assert api.kernel.manager.get("x").config.cmd == "cat"


async def test_load_of_an_existing_job_is_a_conflict(api, channel):
    await start(api)
    error = await refusal(channel, "load", SLEEP)
    assert (error.status, error.slug) == (409, "conflict")


async def test_load_and_unload_run_in_order(api, channel):
    asked = []
    for _ in range(20):
        asked.append(await channel.ask("load", SLEEP))
        asked.append(await channel.ask("unload", "x"))
    answers = [await channel.answer() for _ in asked]
    assert [answer["data"]["id"] for answer in answers] == asked
    assert {answer["event"] for answer in answers} == {"gaffer:command_success"}


async def test_job_commands_start_scale_stop_and_restart(api, channel):
    await start(api)
    job = api.kernel.manager.get("x")
    assert await channel.do("stop_job", "x") == {"ok": True}
    assert not job.active
    assert await channel.do("start_job", "x") == {"ok": True}
    assert job.active
    await job.settled()
    for command in ("reload", "stopall"):
        before = job.pids()
        assert await channel.do(command, "default.x") == {"ok": True}
        await job.settled()
        assert job.pids() != before
    assert await channel.do("scale", "x", 2) == {"numprocesses": 3}
    assert await channel.do("scale", "x", n="=1") == {"numprocesses": 1}
    assert await channel.do("unload", "x") == {"ok": True}
    assert api.kernel.manager.jobs() == []


async def test_commit_starts_a_one_off(api, channel):
    await channel.do("load", {**SLEEP, "numprocesses": 0})
    assert await channel.do("commit", "x") == {"ok": True, "pid": 1}
    result = await channel.do("commit", "x", "2500ms", {"A": "1"})
    process = api.kernel.manager.process(result["pid"])
    assert (process.stop_timeout, process.config.env) == (2.5, {"A": "1"})
    error = await refusal(channel, "commit", "x", env={"A": "***"})
    assert (error.status, "env.A" in error.message) == (400, True)


async def test_signals_are_sent_to_jobs_and_processes(api, channel):
    process = await start(api, cmd="sleep 100")
    for command, subject in (("kill", 1), ("killall", "x")):
        assert await channel.do(command, subject, "STOP") == {"ok": True}
        await until(lambda: process.status() == "stopped")
        assert await channel.do(command, subject, signal.SIGCONT.value) == {"ok": True}
        await until(lambda: process.status() != "stopped")
        error = await refusal(channel, command, subject, "NOPE")
        assert (error.status, error.slug) == (400, "bad_signal")
    api.kernel.manager.jobs()[0].stop()
    await until(lambda: not api.kernel.manager.pids())
    error = await refusal(channel, "killall", "x", "HUP")
    assert (error.status, error.slug) == (409, "not_running")


async def test_stopped_process_is_replaced(api, channel):
    process = await start(api)
    assert await channel.do("stop_process", 1) == {"ok": True}
    await until(lambda: process.exit_status)
    await api.kernel.manager.get("x").settled()
    assert await channel.do("pids") == {"pids": [2]}


async def test_info_describes_jobs_and_processes(api, channel):
    await start(api, cmd="sleep 100", env={"KEY": "hunter2"})
    job = (await channel.do("info", "x"))["info"]
    assert (job["name"], job["processes"], job["config"]["cmd"]) == ("x", [1], "sleep 100")
    process = (await channel.do("process_info", 1))["info"]
    assert (process["name"], process["pid"], process["env"]) == ("x", 1, {"KEY": "hunter2"})


async def test_stats_return_samples_without_blocking_other_commands(running_api):
    async with running_api(stats_plugin) as api, open_channel(api) as channel:
        await start(api)
        # A waiting command blocks no other one.
        waiting = [await channel.ask("stats", "x"), await channel.ask("process_stats", 1)]
        assert await channel.do("pids") == {"pids": [1]}
        answers = [await channel.answer() for _ in waiting]
        results = {each["data"]["id"]: each["data"]["result"]["stats"] for each in answers}
        assert results[waiting[0]]["stats"][0]["pid"] == 1
        assert results[waiting[1]]["os_pid"] == api.kernel.manager.process(1).os_pid


async def test_stats_require_the_stats_plugin(api, channel):
    await start(api)
    for command, subject in (("stats", "x"), ("process_stats", 1)):
        error = await refusal(channel, command, subject)
        assert (error.status, "gaffer-stats" in error.message) == (404, True)


async def test_sent_data_is_read_in_order(api, channel):
    await start(api)
    await channel.subscribe("STREAM:1")
    for number in range(100):
        await channel.ask("send", 1, f"{number}\n")
    assert [(await channel.answer())["data"]["result"] for _ in range(100)] == [{"ok": True}] * 100
    assert await channel.do("send", 1, ["a", "b\n"], "ttin") == {"ok": True}
    got = ""
    while not got.endswith("ab\n"):
        got += (await channel.event())["data"]
    assert got == "".join(f"{number}\n" for number in range(100)) + "ab\n"


async def test_invalid_send_is_refused(api, channel):
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
        error = await refusal(channel, "send", *args)
        assert (error.status, error.slug) == (status, slug), args


OF_JOBS = [
    *("unload", "reload", "start_job", "stop_job", "stopall", "info", "stats", "commit", "pids"),
]


@pytest.mark.parametrize("command", OF_JOBS)
async def test_commands_for_a_missing_job_are_not_found(api, channel, command):
    error = await refusal(channel, command, "nope")
    assert (error.status, error.slug) == (404, "not_found")
    error = await refusal(channel, command, "a b")
    assert (error.status, error.slug) == (400, "invalid_name")
    if command != "pids":
        error = await refusal(channel, command)
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
async def test_invalid_command_is_refused_with_a_reason(
    api, channel, command, args, status, slug, named
):
    await start(api)
    error = await refusal(channel, command, *args)
    assert (error.status, error.slug) == (status, slug)
    assert named in error.message


async def test_unknown_arguments_are_refused(api, channel):
    await start(api)
    error = await refusal(channel, "scale", "x", nn=1)
    assert (error.slug, error.message) == (
        *("bad_value",),
        "nn: is not a field of this request, did you mean 'n'?",
    )
    error = await refusal(channel, "info", "x", name="x")
    assert (error.slug, "twice" in error.message) == ("bad_command", True)


async def test_command_runs_after_the_client_disconnects(api):
    await start(api)
    async with open_channel(api) as channel:
        await channel.ask("send", 1, "last words\n")
        await channel.ask("scale", "x", 1)
        await channel.socket.aclose()
    await until(lambda: api.kernel.manager.get("x").numprocesses == 2)
    log = api.kernel.manager.process(1).outputs.logs["stdout"]
    await until(lambda: log.end == len("last words\n"))


async def test_changes_are_refused_during_shutdown(api, channel):
    process = await shell(api, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    await until(lambda: process.outputs.logs["out"].end)
    api.kernel.stop()
    for command, *args in (("stop_job", "x"), ("scale", "x", 1), ("send", 1, "x")):
        error = await refusal(channel, command, *args)
        assert (error.status, error.slug) == (503, "shutting_down")
    assert await channel.do("pids") == {"pids": [1]}
    api.kernel.stop(kill=True)


async def test_internal_error_ends_only_its_command(api, channel, caplog, monkeypatch):
    process = await start(api)
    monkeypatch.setattr(type(process), "kill", lambda *args: 1 / 0)
    error = await refusal(channel, "kill", 1, "HUP")
    assert (error.status, error.slug) == (500, "internal_error")
    assert "ZeroDivisionError" in caplog.text
    assert await channel.do("pids") == {"pids": [1]}
