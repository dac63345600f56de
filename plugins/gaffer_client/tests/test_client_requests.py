"""Tests of all requests against a real kernel, with both halves of the client."""

import inspect
import signal
from pathlib import Path

import pytest
import trio
from gaffer_http.app import Api
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Kernel
from gaffer_sites.plugin import plugin as sites_plugin
from gaffer_stats.plugin import plugin as stats_plugin
from gaffer_testing.waiting import until

from gaffer_client import (
    ConflictError,
    ForbiddenError,
    InvalidValueError,
    JobChange,
    NotFoundError,
    RestartFailedError,
    Server,
    routes,
)
from gaffer_client.names import JobName

from .conftest import do

ECHO = {"redirect_output": ["out", "err"], "redirect_input": True}


EXAMPLE = """
from gaffer_client import Server

s = Server("http://localhost:5000")

# add a process without starting it
process = s.add_process("dummy", "/some/path/to/dummy/script", start=False)

# start a process
process.start()

# increase the number of process by 2 (so 3 will run)
process.add(2)

# stop all processes
process.stop()
"""
"""The example of the old documentation, with other imports and without the event loop."""


async def test_example_of_old_documentation(kernel, url, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nexec sleep 1000\n")
    script.chmod(0o755)
    program = EXAMPLE.replace("http://localhost:5000", url).replace(
        "/some/path/to/dummy/script", str(script)
    )
    async with kernel.events.subscribe("create", "start", "spawn", "stop") as events:
        await do(exec, program, {})
        job = kernel.manager.get("dummy")
        await job.settled()
        assert (await anext(events)).event == "create"
        assert (await anext(events)).event == "start"
    assert (job.active, job.numprocesses, job.pids()) == (False, 3, [])


async def test_server_version_and_empty_lists(server, kernel):
    await do(server.ping)
    version = await do(server.version)
    assert (version.name, version.api) == ("gaffer", 1)
    assert await do(server.jobs) == await do(server.sessions) == await do(server.pids) == []


async def test_job_from_load_to_unload(server):
    job = await do(
        server.add_process, "night.nap", "sleep 1000", env={"A": "1"}, numprocesses=2, wait=10
    )
    assert str(job.name) == "night.nap"
    assert await do(server.jobs) == ["night.nap"]
    info = await do(job.info)
    assert (info.session, info.job, info.active, info.running) == ("night", "nap", True, 2)
    assert info.config["env"] == {"A": "1"}
    assert info.processes == await do(job.pids) == await do(server.pids)
    assert [process.pid for process in await do(job.processes)] == info.processes

    assert await do(job.add, 2, wait=10) == 4
    assert await do(job.sub, wait=10) == 3
    assert await do(job.scale, "=1", wait=10) == 1
    assert len(await do(job.pids)) == 1

    await do(job.stop, wait=10)
    status = await do(job.status)
    assert (status.active, status.stopped, status.running, status.numprocesses) == (
        False,
        True,
        0,
        1,
    )
    await do(job.start, wait=10)
    before = await do(job.pids)
    await do(job.restart, wait=10)
    between = await do(job.pids)
    assert before != between
    await do(job.update, cmd="sleep 2000", numprocesses=2, wait=10)
    assert (await do(job.info)).config["cmd"] == "sleep 2000"
    await do(job.reload, wait=10)
    assert len(await do(job.pids)) == 2
    await do(job.unload, wait=10)
    assert await do(server.jobs) == []
    with pytest.raises(NotFoundError):
        await do(job.start)


async def test_restart_that_fails_raises_with_the_reason(server):
    job = await do(server.add_process, "night.nap", "sleep 1000", numprocesses=2, wait=10)
    assert await do(job.restart, rolling=True, wait=10) is True
    assert await do(job.restart, batch="50%", wait=10) is True
    with pytest.raises(RestartFailedError, match=r"taken back: night\.nap: instance 1 exited"):
        await do(job.update, cmd="false", restart_batch=1, ready_after=5, wait=10)
    assert (await do(job.status)).rollout.failure.startswith("instance 1 exited with status 1")


async def test_verbs_without_another_result_return_true(server):
    job = await do(server.add_process, "night.nap", "sleep 1000", wait=10)
    [process] = await do(job.processes)
    session = server.session("night")
    assert await do(process.signal, "CONT") is True
    assert await do(job.signal, "CONT") is True
    for owner in (job, session):
        for verb in (owner.stop, owner.start, owner.restart):
            assert await do(verb) is True
            assert await do(verb, wait=10) is True
    assert await do(job.reload, wait=10) is True
    assert await do(job.update, cmd="sleep 2000", wait=10) is True
    [process] = await do(job.processes)
    assert await do(process.stop, wait=10) is True
    assert await do(job.unload, wait=10) is True
    await do(server.add_process, "night.nap", "sleep 1000", wait=10)
    assert await do(session.unload, wait=10) is True


async def test_job_accepts_every_spelling_of_its_name(server):
    await do(server.add_process, "nap", "sleep 1000", session="night", start=False)
    for job in (
        server.job("night.nap"),
        server.job("night/nap"),
        server.job("night:nap"),
        server.job("nap", "night"),
    ):
        assert (await do(job.info)).name == "night.nap"


async def test_process_info_stop_and_signal(server):
    job = await do(server.add_process, "nap", "sleep 1000", wait=10)
    [process] = await do(job.processes)
    info = await do(process.info)
    assert (info.pid, info.name, info.argv) == (process.pid, "nap", ["sleep", "1000"])
    assert Path(f"/proc/{info.os_pid}").exists()
    await do(process.stop, wait=10)
    [successor] = await do(job.pids)
    assert successor != process.pid
    await do(server.process(successor).signal, signal.SIGKILL)
    with pytest.raises(NotFoundError):
        await do(process.info)


async def test_info_of_exited_process(server):
    job = await do(
        server.add_process,
        "a",
        "sh",
        args=["-c", "echo why; exit 3"],
        redirect_output=["out"],
        numprocesses=0,
        wait=10,
    )
    process = await do(job.commit)
    with trio.fail_after(10):
        while (kept := (await do(job.status)).ended) != [process.pid]:
            assert kept == []
    info = await do(process.info, ended=True)
    assert (info.active, info.exit_code, info.term_signal) == (False, 3, 0)


async def test_signal_reaches_all_processes_of_job(server, kernel):
    job = await do(server.add_process, "a", "sleep 1000", numprocesses=2, wait=10)
    before = await do(job.pids)
    async with kernel.events.subscribe("proc.a.exit") as exits:
        await do(job.signal, "USR1")
        ends = [(await anext(exits)).data for _ in before]
    assert {end["pid"] for end in ends} == set(before)
    assert {end["term_signal"] for end in ends} == {signal.SIGUSR1}


async def test_commit_starts_one_off(server):
    job = await do(server.add_process, "one", "sleep 1000", numprocesses=0)
    process = await do(job.commit, {"A": "2"}, 5.0, wait=10)
    info = await do(process.info)
    assert (info.committed, info.number) == (True, 0)
    assert (await do(job.info)).running_out == 1


async def test_session_changes_all_its_jobs(server):
    for name in ("a", "b"):
        await do(server.add_process, name, "sleep 1000", session="night", start=False)
    await do(server.add_process, "other", "sleep 1000")
    session = server.session("night")
    assert await do(session.jobs) == ["night.a", "night.b"]
    assert await do(server.sessions) == ["night", "default"]
    await do(session.start, wait=10)
    assert len(await do(server.pids)) == 3
    before = await do(server.job("night.a").pids)
    await do(session.restart, wait=10)
    assert await do(server.job("night.a").pids) != before
    await do(session.stop, wait=10)
    assert len(await do(server.pids)) == 1
    await do(session.unload, wait=10)
    assert await do(server.jobs) == ["other"]


async def test_written_bytes_are_read_back(server):
    job = await do(server.add_process, "cat", "cat", **ECHO, wait=10)
    [process] = await do(job.processes)
    await do(process.write, b"\xff one\n")
    got = b""
    while not got.endswith(b"\n"):
        output = await do(process.read, "out")
        assert (output.label, output.lost) == ("out", 0)
        got += output.data
    assert got == b"\xff one\n"
    await do(process.write, b"two\n")
    assert (await do(process.read)).data == b"two\n"


async def test_read_ends_at_exit(server):
    job = await do(server.add_process, "read", "sh -c 'read go'", **ECHO, numprocesses=0)
    process = await do(job.commit, wait=10)
    await do(process.write, b"\n")
    try:
        assert (await do(process.read)).data == b""
    except NotFoundError:
        pass  # The process exited before the read began.


async def test_write_and_read_without_stream_raise(server):
    job = await do(server.add_process, "nap", "sleep 1000", wait=10, redirect_output=[])
    [process] = await do(job.processes)
    with pytest.raises(ForbiddenError, match="stdin"):
        await do(process.write, b"x")
    with pytest.raises(InvalidValueError):
        await do(process.read)


async def test_stats_of_process_job_and_server(server):
    job = await do(server.add_process, "web", "sleep 1000", wait=10)
    [process] = await do(job.processes)
    sample = await do(process.stats)
    assert sample.pid == process.pid
    assert sample.mem_info1 > 0
    stats = await do(job.stats)
    assert [each.pid for each in stats.stats] == [process.pid]
    assert [each.name for each in await do(server.stats)] == ["web"]


async def test_status_of_all_jobs(server):
    await do(server.add_process, "night.nap", "sleep 1000", numprocesses=2, wait=10)
    [status] = await do(server.status)
    assert (status.name, status.session, status.job) == ("night.nap", "night", "nap")
    assert (status.active, status.running, status.restarts) == (True, 2, 0)
    assert status.pids == await do(server.job("night.nap").pids)


async def test_plugins_open_close_and_reload(server, kernel):
    plugins = {plugin.name: plugin for plugin in await do(server.plugins)}
    assert (plugins["http"].state, plugins["http"].requires) == ("open", [])
    assert (await do(server.close_plugin, "stats")).state == "closed"
    with pytest.raises(NotFoundError):
        await do(server.stats)
    assert (await do(server.open_plugin, "stats")).state == "open"
    assert (await do(server.reload_plugin, "stats")).state == "open"
    assert await do(server.stats) == []
    assert [each.name for each in await do(server.rescan_plugins)] == list(plugins)
    with pytest.raises(ConflictError, match="http"):
        await do(server.close_plugin, "http")
    with pytest.raises(NotFoundError, match="nosuch"):
        await do(server.open_plugin, "nosuch")


async def test_page_key_is_created_and_revoked(server, url, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    key = await do(server.page_key)
    assert (key.origin, key.expires_in) == (url, 30)
    assert key.key not in repr(key)
    assert (await do(server.page_key, "http://127.0.0.1:9")).origin == "http://127.0.0.1:9"
    await do(server.revoke_page_keys)
    with pytest.raises(NotFoundError):
        await do(server.sites)


async def test_requests_over_unix_socket(running_api, connect, short_path):
    async with running_api(bind=f"unix:{short_path}/api") as kernel:
        for address in (f"unix:{short_path}/api", *kernel.services["http"].addresses):
            assert (await do(connect(address).version)).name == "gaffer"


async def test_connection_is_reused(proxy, connect):
    server = connect(proxy.url)
    for _ in range(5):
        await do(server.jobs)
    assert proxy.connections == 1


async def test_close_ends_connections(proxy, connect, kernel):
    server = connect(proxy.url)
    await do(server.ping)
    await do(server.close if isinstance(server, Server) else server.aclose)
    await until(lambda: not proxy._scopes)


ARGUMENTS = {
    "session": "night",
    "name": JobName("night", "nap"),
    "pid": 1,
    "verb": "start",
    "plugin": "stats",
    "label": "out",
    "pattern": "proc.night.nap.exit",
    "wait": 1.0,
    "heartbeat": 5.0,
}


def test_all_paths_are_routes_of_the_api():
    adapter = Api(Kernel(plugins=[http_plugin, sites_plugin, stats_plugin])).url_map.bind(
        "localhost"
    )
    makers = [
        each
        for name, each in inspect.getmembers(routes, inspect.isfunction)
        if each.__module__ == routes.__name__ and not name.startswith("_")
    ]
    assert len(makers) > 20
    for make in makers:
        names = inspect.signature(make).parameters
        verb = {"verb": "open"} if "plugin" in names else {}
        call = make(**{name: ({**ARGUMENTS, **verb}).get(name) or {} for name in names})
        adapter.match(call.path, call.method)


async def test_plan_and_reload_list_the_changes_of_jobs(server, tmp_path):
    await do(server.add_process, "night.nap", "sleep 1000", wait=10)
    other = tmp_path / "other.ini"
    other.write_text("[process:day:nap]\ncmd = sleep 1000\n")
    assert await do(server.plan, str(other)) == [JobChange(name="day.nap", change="new")]
    assert await do(server.plan) == []
    assert await do(server.reload_configuration, wait=10) == []
    with pytest.raises(InvalidValueError, match=r"missing\.ini"):
        await do(server.plan, str(tmp_path / "missing.ini"))
