"""The real gafferd with its API and every kind of difficult job at once; and a thousand jobs."""

import json
import os
import subprocess
import time
import urllib.request
import uuid
from pathlib import Path

import pytest
from gaffer_testing.gafferd import COMMAND, DEADLINE
from gaffer_testing.waiting import wait_until

from gaffer_kernel import JobConfig, open_kernel

CONFIG = """
[endpoint:test]
bind = 127.0.0.1:0

[process:loop]
cmd = false
numprocesses = 3

[process:missing]
cmd = /no/such/program

[process:stubborn]
cmd = sh -c 'trap "" TERM; while :; do sleep 1; done'
graceful_timeout = 0.5

[process:flood]
cmd = yes
redirect_output = out

[process:escape]
cmd = sh -c '(setsid sleep 600 &) ; (setsid sh -c "sleep 601; true" &) ; exec sleep 602'

[process:brief]
cmd = sh -c '(setsid sleep 603 &) ; sleep 0.1'

[process:steady]
cmd = sleep 604
numprocesses = 2
"""
ANSWER = 2.0
"""Seconds an answer may take on a machine that runs other tests too; unhindered it is ten ms."""


class Gafferd:
    """The command, run in a folder, found again by a mark in the environment of all it starts."""

    def __init__(self, folder):
        self.mark = f"GAFFER_TEST={uuid.uuid4().hex}"
        self.log = folder / "log"
        (folder / "gafferd.ini").write_text(CONFIG)
        name, value = self.mark.split("=")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [COMMAND, "-c", "gafferd.ini", "--log-level", "info"],
                cwd=folder,
                env=os.environ | {name: value, "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: ": up, with " in self.log.read_text())
        self.url = self.log.read_text().partition("listening on ")[2].split()[0]

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=ANSWER) as answer:
            return json.load(answer)

    def marked(self):
        """The os pids of everything that carries the mark, the dead left out."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in entry.read_bytes():
                    found.append(int(entry.parent.name))
            except OSError:
                continue
        return found

    def end(self):
        self.process.kill()
        self.process.wait()
        for pid in self.marked():
            os.kill(pid, 9)


@pytest.fixture
def gafferd(tmp_path):
    gafferd = Gafferd(tmp_path)
    yield gafferd
    gafferd.end()


def test_the_api_answers_among_difficult_jobs_and_term_leaves_nothing(gafferd):
    jobs = ["loop", "missing", "stubborn", "flood", "escape", "brief", "steady"]
    until = time.monotonic() + 3
    while time.monotonic() < until:
        assert gafferd.get("/jobs")["jobs"] == jobs
    steady = gafferd.get("/jobs/default/steady/status")
    assert (steady["active"], steady["running"]) == (True, 2)
    missing = gafferd.get("/jobs/default/missing/status")
    assert (missing["running"], missing["last_error"]) == (0, "no such program: /no/such/program")
    assert len(gafferd.marked()) >= 8

    gafferd.process.terminate()
    assert gafferd.process.wait(DEADLINE) == 0, gafferd.log.read_text()
    assert gafferd.marked() == []


async def test_a_thousand_jobs_load_run_and_stop():
    async with open_kernel() as kernel:
        manager = kernel.manager
        for number in range(1000):
            manager.load(JobConfig(name=f"sleeper-{number}", cmd="sleep 1000"))
        for job in manager.jobs():
            await job.settled()
        os_pids = [process.os_pid for process in manager.walk()]
        assert len(set(os_pids)) == 1000
    assert not [pid for pid in os_pids if Path(f"/proc/{pid}").exists()]
