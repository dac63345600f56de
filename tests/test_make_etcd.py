"""`make etcd`, on a machine whose commands write down how they were called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make")

pytestmark = pytest.mark.skipif(MAKE is None, reason="there is no make")


class Machine:
    """A folder that is all of PATH."""

    def __init__(self, folder):
        self.folder = folder
        self.has("id", "echo 0")

    def has(self, command, body=""):
        path = self.folder / command
        path.write_text(f'#!/bin/sh\necho "{command} $*" >>"$CALLS"\n{body}\n')
        path.chmod(0o755)

    def make(self):
        calls = self.folder / "calls"
        environ = {"PATH": str(self.folder), "CALLS": str(calls), "HOME": os.environ["HOME"]}
        done = subprocess.run(
            [MAKE, "--no-print-directory", "-C", ROOT, "etcd"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.calls = calls.read_text().splitlines() if calls.exists() else []
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_where_it_is_nothing_is_done(machine):
    machine.has("etcd")
    assert machine.make() == (0, "", "")
    assert machine.calls == []


def test_it_is_installed_and_its_own_service_was_left_running(machine):
    machine.has("apt-get")
    machine.has("systemctl")
    assert machine.make() == (0, "installing etcd-server, but not as a service\n", "")
    assert [call.split()[0] for call in machine.calls] == ["id", "apt-get", "apt-get", "systemctl"]
    assert machine.calls[2].endswith(" etcd-server")
    assert machine.calls[3] == "systemctl disable --now etcd"


@pytest.mark.parametrize("lacks", ["root", "apt-get"])
def test_who_cannot_install_it_is_told_so(machine, lacks):
    if lacks == "root":
        machine.has("id", "echo 1000")
        machine.has("apt-get")
    said = "etcd is not installed, which only root can do with apt-get: its tests will be skipped\n"
    assert machine.make() == (0, "", said)
    assert machine.calls == ["id -u"]


def test_a_failure_of_apt_get_was_blamed_on_not_being_root(machine):
    machine.has("apt-get", "echo 'E: no network' >&2; exit 100")
    status, _, said = machine.make()
    assert status == 0
    assert said == "E: no network\napt-get cannot install etcd-server: its tests will be skipped\n"
