"""gafferd keeps working after its own packages were removed, as an upgrade does."""

import contextlib
import shutil
import signal
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from gaffer_testing.gafferd import Home
from gaffer_testing.waiting import until, wait_until
from httpx2 import AsyncClient, AsyncHTTPTransport

from .removed_tree import copy_packages

PLUGINS = entry_points(group="gaffer")

INI = """
[process:web]
cmd = sleep 600

[process:streams]
cmd = sh -c 'echo up >>streams; cat <&3'
custom_streams = extra

[process:crash]
cmd = sh -c 'echo no; exit 3'

[webhooks]
proc.web.stop = http://127.0.0.1:9/
"""

PROGRAM = (sys.executable, "-S", "-c", "import gafferd, sys; sys.exit(gafferd.main())")
"""Without site-packages: everything is imported from PYTHONPATH."""

PRELOADED = ("gaffer-http", "gaffer-webhooks")

GET = [
    *("/", "/ping", "/version", "/openapi.json", "/jobs", "/jobs/default/web", "/sessions"),
    *("/pids", "/1", "/status", "/stats", "/jobs/default/web/stats", "/plugins", "/webhooks"),
    *("/page-key", "/page-key.js", "/processes"),
    # The job `crash` has the next event.
    "/watch?feed=longpoll",
]

WRONG = [
    *(("GET", "/nothing", None, 404), ("PUT", "/jobs", None, 405), ("GET", "/jobs/a/b", None, 404)),
    *(("GET", "/jobs?x=1", None, 400), ("POST", "/jobs/default", {"name": "a"}, 400)),
    *(("POST", "/jobs/default", {"name": "a", "cmd": "a", "hook": 1}, 400),),
    *(("POST", "/webhooks", {"pattern": ".", "url": "x"}, 400),),
]


class Gafferd:
    """A gafferd whose packages have been removed.

    Attributes:
        home: its folder.
        process: a subprocess.Popen.
    """

    def __init__(self, home, process, socket):
        self.home = home
        self.process = process
        self._socket = socket

    async def ask(self, method, path, body=None, status=200):
        """Send a request; return the response, after a check of its status."""
        transport = AsyncHTTPTransport(uds=str(self._socket))
        async with AsyncClient(transport=transport, base_url="http://localhost") as client:
            response = await client.request(method, path, json=body, timeout=30)
        assert response.status_code == status, (method, path, response.text, self.home.messages())
        return response

    def check_log(self):
        """Assert that nothing failed for want of a file."""
        log = self.home.messages()
        for word in ("Traceback", "ModuleNotFound", "ImportError", "No such file", "No module"):
            assert word not in log, log


@pytest.fixture
def gafferd(tmp_path):
    """A gafferd that has started, and whose packages have been removed since."""
    tree = tmp_path / "tree"
    tree.mkdir()
    copy_packages(tree, "gaffer-kernel", *{point.dist.name for point in PLUGINS})
    home = Home(tmp_path, *(point.name for point in PLUGINS))
    home.write("gaffer.ini", INI)
    with contextlib.ExitStack() as stack:
        socket = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="g")), "s")
        command = ("-c", "gaffer.ini", "--bind", f"unix:{socket}", "--log-level", "debug")
        process = stack.enter_context(home.running(*command, program=PROGRAM, PYTHONPATH=str(tree)))
        lines = [f"no file of {name} is needed any longer" for name in PRELOADED]
        wait_until(lambda: all(line in home.messages() for line in lines), process)
        shutil.rmtree(tree)
        yield Gafferd(home, process, socket)


async def test_api_answers_without_its_packages(gafferd):
    for path in GET:
        await gafferd.ask("GET", path)
    for method, path, body, status in WRONG:
        await gafferd.ask(method, path, body, status)
    await gafferd.ask("POST", "/page-key/new", status=409)
    body = {"name": "new", "cmd": "sleep 600", "custom_streams": ["a"], "redirect_output": ["out"]}
    await gafferd.ask("POST", "/jobs/default", body, 201)
    gafferd.check_log()


async def test_webhooks_are_sent_without_the_packages(gafferd):
    async def failing():
        [hook] = (await gafferd.ask("GET", "/webhooks")).json()["webhooks"]
        return hook["failing"]

    await gafferd.ask("POST", "/jobs/default/web/state", {"state": 0}, 202)
    assert (await until(failing)).startswith("cannot connect")
    gafferd.check_log()


async def test_jobs_start_without_the_packages(gafferd):
    streams = gafferd.home / "streams"
    await until(lambda: streams.exists())
    await gafferd.ask("POST", "/jobs/default/streams/signal", {"signal": "KILL"}, 202)
    await until(lambda: streams.read_text() == "up\nup\n")
    gafferd.check_log()


async def test_reload_and_stop_without_the_packages(gafferd):
    gafferd.home.write("gaffer.ini", INI + gafferd.home.job("late"))
    gafferd.process.send_signal(signal.SIGHUP)
    await until(lambda: (gafferd.home / "late.pid").exists())
    plugins = (await gafferd.ask("GET", "/plugins")).json()["plugins"]
    assert {each["state"] for each in plugins} == {"open"}
    gafferd.process.terminate()
    assert gafferd.process.wait(20) == 0
    gafferd.check_log()
