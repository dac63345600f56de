"""The first steps of a new user, with their own gafferd."""

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from threading import Timer

import pytest
from gaffer_testing.ports import find_free_ports
from gaffer_testing.waiting import wait_until

from .conftest import COMMANDS

PROCFILE = """
web: sh -c 'echo web says $A on $PORT; exec sleep 1000'
worker: sh -c 'echo worker works; exec sleep 1000'
"""
DEADLINE = 30.0
"""Seconds that a test waits."""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "Procfile").write_text(PROCFILE)
    (folder / ".env").write_text("A=hello\nPORT=7000\n")
    return folder


@pytest.fixture
def gafferd(environ, tmp_path, command):
    """gafferd in the background during the test."""
    port = find_free_ports()
    environ["GAFFER_ENDPOINT"] = f"http://127.0.0.1:{port}"
    pidfile = tmp_path / "gafferd.pid"
    options = ["--daemon", "--pidfile", pidfile, "--error-log", tmp_path / "log"]
    done = command("gafferd", *options, "--bind", f"127.0.0.1:{port}")
    assert done.returncode == 0, done.stderr
    yield
    os.kill(int(pidfile.read_text()), signal.SIGTERM)
    wait_until(lambda: not pidfile.exists())
    assert (tmp_path / "log").read_text() == ""


@pytest.fixture
def gaffer(gafferd, command, folder):
    """Run gaffer in the folder of the application without an error; return its output."""

    def run(*arguments):
        done = command("gaffer", *arguments, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


@contextmanager
def logs(folder, environ):
    """Run `gaffer logs`; yield its lines without their times."""
    argv = [COMMANDS / "gaffer", "logs"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=folder, env=environ, stdout=pipe, text=True) as process:
        watchdog = Timer(DEADLINE, process.kill)
        watchdog.start()
        try:
            yield (re.sub(r"^\S+ (\S+) +", r"\1 ", line.rstrip()) for line in process.stdout)
        finally:
            watchdog.cancel()
            process.send_signal(signal.SIGINT)


def test_load_ps_logs_scale_and_unload(gaffer, environ, folder, command):
    assert gaffer("load") == (
        f"'shop' has been loaded in {environ['GAFFER_ENDPOINT']}\nweb.1 http://127.0.0.1:7000\n"
    )
    output = gaffer("ps")
    assert re.search(r"^web\.1 +active .* http://127\.0\.0\.1:7000  -$", output, re.MULTILINE)
    assert re.search(r"^worker\.1 +active ", output, re.MULTILINE)
    with logs(folder, environ) as lines:
        first = {next(lines), next(lines)}
        assert first == {"web.1 | web says hello on 7000", "worker.1 | worker works"}
        assert gaffer("scale", "web=3", "worker+2") == (
            "Scaling web processes... done, now running 3\n"
            "Scaling worker processes... done, now running 3\n"
        )
        assert {next(lines) for _ in range(4)} == {
            "web.2 | web says hello on 7001",
            "web.3 | web says hello on 7002",
            "worker.2 | worker works",
            "worker.3 | worker works",
        }
    assert gaffer("ps").count(" active ") == 6
    assert command("gafferctl", "processes").stdout == "shop.web\nshop.worker\n"
    assert gaffer("unload") == "'shop' unloaded\n"
    assert gaffer("apps") == ""
