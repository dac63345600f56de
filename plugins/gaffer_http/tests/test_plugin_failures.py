"""A gafferd with bad plugins, which are named in the log and the list while the rest runs."""

import signal
import sys

import pytest
import trio

HEAD = """
from contextlib import asynccontextmanager
import trio
from gaffer_kernel.hookspecs import hookimpl

__version__ = "1.0"

"""
JOB = "[process:web]\ncmd = sleep 600\n"
CRASHING_JOB = "[process:brief]\ncmd = false\n"
INI = "[gaffer]\nplugin_dir = plugins\n" + JOB

RAISING = {
    "gaffer_event": "@hookimpl\ndef gaffer_event(event):\n    1 / 0\n",
    "gaffer_process_env": "@hookimpl\ndef gaffer_process_env(job, number):\n    1 / 0\n",
    "gaffer_restart_delay": "@hookimpl\ndef gaffer_restart_delay(job, history):\n    1 / 0\n",
}
AT_OPENING = {
    "gaffer_service": "@hookimpl\ndef gaffer_service(kernel):\n    1 / 0\n",
    "entering": "@hookimpl\n@asynccontextmanager\nasync def gaffer_service(kernel):\n"
    "    1 / 0\n    yield\n",
}
BEFORE = {
    "gaffer_addhooks": "@hookimpl\ndef gaffer_addhooks(pluginmanager):\n    1 / 0\n",
    "gaffer_config_sections": "@hookimpl\ndef gaffer_config_sections():\n    1 / 0\n",
    "gaffer_configure": "@hookimpl\ndef gaffer_configure(config):\n    1 / 0\n",
    "syntax": "x = (\n",
    "import": "import no_such_module\n",
}
HANGS = """
@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    yield
    await trio.sleep_forever()
"""
CRASHES = """
@hookimpl
@asynccontextmanager
async def gaffer_service(kernel):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crash)
        yield
        nursery.cancel_scope.cancel()

async def crash():
    await trio.sleep(0.5)
    1 / 0
"""


# A gafferd with a stop deadline of less than five seconds.
IMPATIENT = """
import functools, sys
from gaffer_kernel.daemon import command

command.Plugins = functools.partial(command.Plugins, stop_deadline=0.5)
sys.exit(command.main())
"""


@pytest.fixture
def write(tmp_path):
    """Write a plugin: `write("bad", code)`."""
    tmp_path.chmod(0o755)

    def write(name, code):
        folder = tmp_path / "plugins" / name
        folder.mkdir(0o755, parents=True, exist_ok=True)
        (folder / "__init__.py").write_text(HEAD + code)
        (folder / "__init__.py").chmod(0o644)

    write("good", "@hookimpl\ndef gaffer_process_env():\n    return {}\n")
    (tmp_path / "plugins").chmod(0o755)
    return write


@pytest.fixture
def logged(tmp_path):
    """Wait until the log contains some words."""

    async def logged(*words):
        while not all(word in (tmp_path / "err").read_text() for word in words):
            await trio.sleep(0.01)

    return logged


async def listed(daemon, name, **wanted):
    """Wait until the entry of a plugin in the list has a state; return it."""
    while True:
        plugins = (await daemon.ask("GET", "/plugins")).json["plugins"]
        for each in plugins:
            if each["name"] == name and wanted.items() <= each.items():
                return each
        await trio.sleep(0.01)


async def the_rest_runs(daemon):
    await listed(daemon, "good", state="open", error=None)
    await listed(daemon, "http", state="open", error=None)
    status = (await daemon.ask("GET", "/jobs/default/web/status")).json
    assert (status["running"], status["active"]) == (1, True)
    assert (await daemon.ask("GET", "/pids/1")).json["pid"] == 1
    assert daemon.process.poll() is None


@pytest.mark.parametrize("hook", RAISING)
async def test_hook_that_raises_is_logged_with_the_plugin(gafferd, write, logged, hook):
    write("bad", RAISING[hook])
    with gafferd("http", ini=INI + CRASHING_JOB) as daemon:
        await daemon.ask("POST", "/jobs/default", {"name": "more", "cmd": "sleep 600"})
        bad = await listed(daemon, "bad", state="open")
        while not bad["failures"]:
            bad = await listed(daemon, "bad", state="open")
        await logged(f"plugin bad: {hook} raised ZeroDivisionError: division by zero (")
        await the_rest_runs(daemon)


@pytest.mark.parametrize("where", AT_OPENING)
async def test_plugin_that_raises_on_open_is_listed_as_failed(gafferd, write, where):
    write("bad", "@hookimpl\ndef gaffer_process_env():\n    return {}\n")
    with gafferd("http", ini=INI) as daemon:
        write("bad", AT_OPENING[where])
        answer = await daemon.ask("POST", "/plugins/bad/reload")
        assert (answer.status, answer.slug) == (409, "plugin_failed")
        assert "ZeroDivisionError" in answer.json["reason"]
        bad = await listed(daemon, "bad", state="open")
        assert "ZeroDivisionError" in bad["error"]
        await the_rest_runs(daemon)


@pytest.mark.parametrize("what", BEFORE)
async def test_plugin_that_fails_before_it_opens_is_listed(gafferd, write, logged, tmp_path, what):
    with gafferd("http", "signals", ini=INI) as daemon:
        await daemon.spawned(1)
        write("bad", BEFORE[what])
        daemon.process.send_signal(signal.SIGHUP)
        await logged("reload failed, the current configuration is kept: plugin bad: ")
        line = (tmp_path / "err").read_text()
        if what in ("syntax", "import"):
            bad = await listed(daemon, "bad", state="failed")
            assert "SyntaxError" in bad["error"] or "No module named" in bad["error"]
            assert "plugins/bad/__init__.py:8)" in line
        else:
            assert "ZeroDivisionError" in line
        await the_rest_runs(daemon)
        write("bad", "@hookimpl\ndef gaffer_process_env():\n    return {}\n")
        daemon.process.send_signal(signal.SIGHUP)
        await listed(daemon, "bad", state="open", error=None)


async def test_plugin_that_hangs_on_close_is_abandoned(gafferd, write, logged):
    write("bad", HANGS)
    with gafferd("http", ini=INI, program=(sys.executable, "-c", IMPATIENT)) as daemon:
        answer = await daemon.ask("POST", "/plugins/bad/close")
        assert answer.json["state"] == "closed"
        assert answer.json["error"] == "did not close within 0.5 s, cancelled"
        await logged("plugin bad: did not close within 0.5 s, cancelled")
        await the_rest_runs(daemon)
        assert (await daemon.ask("POST", "/plugins/bad/open")).json["error"] is None
        daemon.process.terminate()
        assert await trio.to_thread.run_sync(daemon.process.wait, 20) == 0


async def test_plugin_that_crashes_later_is_listed_as_failed(gafferd, write, logged):
    write("bad", CRASHES)
    write(
        "needs", 'gaffer_requires = ("bad",)\n@hookimpl\ndef gaffer_process_env():\n    return {}'
    )
    with gafferd("http", ini=INI) as daemon:
        bad = await listed(daemon, "bad", state="failed")
        assert bad["error"].startswith("failed: ZeroDivisionError: division by zero (")
        await listed(
            daemon, "needs", state="closed", error="closed because bad, which it requires, failed"
        )
        await logged("plugin bad: failed: ZeroDivisionError: division by zero (", "plugin needs: ")
        events = (await daemon.ask("GET", "/watch/plugin/failed?since=0")).json
        assert (events["event"], events["name"]) == ("plugin.failed", "bad")
        await the_rest_runs(daemon)
