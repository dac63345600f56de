"""Shortages of descriptors: gafferd goes on, connections are refused first, one line says so."""

import http.client
import os
import resource
import signal
import socket
from contextlib import ExitStack

import pytest
from gaffer_testing.gafferd import COMMAND, Home
from gaffer_testing.waiting import wait_until

FORKING = "sh -c 'echo $$$$ >>{name}.runs; (sleep 0.05; sleep 0.1) & exec sleep 0.3'"
"""The command of a job that leaves a process behind, and exits again and again."""
WAITING = "sh -c 'echo $$$$ >>{name}.runs; until test -e go; do sleep 0.05; done'"
"""The command of a job that exits once there is a file."""


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path, "http")


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def configure(home, port, jobs, cmd=FORKING):
    """Write a configuration of jobs without pipes, whose EOF would free a descriptor."""
    section = f"[gaffer]\nhttp_endpoints = main\n[endpoint:main]\nbind = 127.0.0.1:{port}\n"
    names = [f"j{number}" for number in range(jobs)]
    text = "".join(home.job(name, cmd.format(name=name), redirect_output="") for name in names)
    return home.write("gaffer.ini", section + text), names


def runs(home, name):
    path = home / f"{name}.runs"
    return len(path.read_text().split()) if path.exists() else 0


def connect(stack, port, count):
    """Open connections that send nothing; those that are refused or wait count, too."""
    for _ in range(count):
        client = stack.enter_context(socket.socket())
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))


def ping(port):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        client.request("GET", "/ping")
        return client.getresponse().read()
    finally:
        client.close()


def open_files(process):
    return {int(fd) for fd in os.listdir(f"/proc/{process.pid}/fd")}


def stable_files(process):
    """Return the open files once they have been the same in a hundred polls."""
    seen = []

    def is_stable():
        seen.append(open_files(process))
        return len(seen) > 100 and all(each == seen[-1] for each in seen[-100:])

    wait_until(is_stable, process)
    return seen[-1]


def test_idle_connections_take_no_descriptor_that_supervision_needs(home, port):
    path, names = configure(home, port, jobs=6)
    limited = ("sh", "-c", 'ulimit -n 64; exec "$0" "$@"', str(COMMAND))
    with home.running("-c", path, program=limited) as gafferd, ExitStack() as stack:
        wait_until(lambda: all(runs(home, name) for name in names), gafferd)
        connect(stack, port, 100)
        before = [runs(home, name) for name in names]
        for name, count in zip(names, before, strict=True):
            wait_until(lambda n=name, c=count: runs(home, n) >= c + 3, gafferd)
        assert ping(port)
        gafferd.send_signal(signal.SIGTERM)
        assert gafferd.wait(20) == 0
        assert "Traceback" not in home.messages()
        assert "cannot look for orphans" not in home.messages()


def test_a_scan_without_descriptors_is_tried_again_and_reported_once(home, port):
    path, [name] = configure(home, port, jobs=1, cmd=WAITING)
    with home.running("-c", path) as gafferd, ExitStack() as stack:
        wait_until(lambda: runs(home, name), gafferd)
        # The API is imported after the first process has started.
        assert ping(port)
        before = len(stable_files(gafferd))
        connect(stack, port, 12)
        wait_until(lambda: len(open_files(gafferd)) == before + 12, gafferd)
        lowest = min(set(range(1000)) - stable_files(gafferd))
        resource.prlimit(gafferd.pid, resource.RLIMIT_NOFILE, (lowest, lowest))
        home.write("go", "")
        wait_until(lambda: "cannot look for orphans" in home.messages(), gafferd)
        count = runs(home, name)
        stack.close()
        wait_until(lambda: runs(home, name) >= count + 3, gafferd)
        assert ping(port)
        assert home.messages().count("cannot look for orphans") == 1
        assert "Traceback" not in home.messages()
