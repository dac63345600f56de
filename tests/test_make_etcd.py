"""Test `make etcd` with fake commands that record their calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make")

pytestmark = pytest.mark.skipif(MAKE is None, reason="needs make")


class Machine:
    """A folder with fake commands that is the whole PATH."""

    def __init__(self, folder):
        self.folder = folder
        self.add("id", "echo 0")

    def add(self, command, body=""):
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


def test_installed_etcd_changes_nothing(machine):
    machine.add("etcd")
    assert machine.make() == (0, "", "")
    assert machine.calls == []


def test_etcd_is_installed_and_its_service_disabled(machine):
    machine.add("apt-get")
    machine.add("systemctl")
    assert machine.make() == (0, "installing etcd-server, but not as a service\n", "")
    assert [call.split()[0] for call in machine.calls] == ["id", "apt-get", "apt-get", "systemctl"]
    assert machine.calls[2].endswith(" etcd-server")
    assert machine.calls[3] == "systemctl disable --now etcd"


@pytest.mark.parametrize("missing", ["root", "apt-get"])
def test_missing_privileges_are_reported(machine, missing):
    if missing == "root":
        machine.add("id", "echo 1000")
        machine.add("apt-get")
    error = (
        "etcd is not installed, which only root can do with apt-get: its tests will be skipped\n"
    )
    assert machine.make() == (0, "", error)
    assert machine.calls == ["id -u"]


def test_failure_of_apt_get_is_reported(machine):
    machine.add("apt-get", "echo 'E: no network' >&2; exit 100")
    status, _, error = machine.make()
    assert status == 0
    assert error == "E: no network\napt-get cannot install etcd-server: its tests will be skipped\n"
