"""The warnings about crashes, and how many there are in a loop."""

import re
import subprocess
import sys

import pytest
import trio

from gaffer_kernel.jobs.crash_log import MAX_LINE
from gaffer_kernel.testing import Plan
from tests.fake_jobs import CRASH, fakes, idle, web


@pytest.fixture
def crashes(caplog):
    """Return a function that lists the warnings about crashes."""
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.name == "gaffer_kernel.jobs.crash_log" and record.levelname == "WARNING"
    ]


async def test_crash_is_logged_with_status_uptime_and_last_line(
    autojump_clock, kernel, system, crashes
):
    job = kernel.manager.load(web(redirect_output=["out"]))
    await job.settled()
    await trio.sleep(12)
    [process] = fakes(job, system)
    process.emit("starting\nValueError: no database\n\n")
    process.exit(3)
    await trio.sleep(1)
    assert crashes() == [
        "web.1: exited with status 3 after 12.0 s: ValueError: no database; next start in 0.0 s"
    ]


async def test_exit_with_status_0_is_logged_too(autojump_clock, kernel, system, crashes):
    job = kernel.manager.load(web())
    await job.settled()
    fakes(job, system)[0].exit(0)
    await trio.sleep(1)
    assert crashes() == ["web.1: exited with status 0 after 0.0 s; next start in 0.0 s"]


async def test_signal_is_named_and_a_long_line_is_cut(autojump_clock, kernel, system, crashes):
    job = kernel.manager.load(web(redirect_output=["out", "err"]), "shop")
    await job.settled()
    [process] = fakes(job, system)
    process.emit("x" * 1000 + "\n", "out")
    process.exit(term_signal=9)
    await trio.sleep(1)
    assert crashes() == [
        f"shop.web.1: killed by SIGKILL after 0.0 s: {'x' * MAX_LINE}...; next start in 0.0 s"
    ]


async def test_requested_exits_are_not_logged(autojump_clock, kernel, crashes):
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    job.restart()
    await job.settled()
    job.scale("=1")
    await job.settled()
    kernel.manager.unload("web")
    await idle()
    assert crashes() == []


async def test_loop_is_logged_at_powers_of_two_and_once_a_minute(
    autojump_clock, kernel, plans, system, crashes
):
    plans["serve"] = Plan(life=1.1, exit_code=1)
    kernel.manager.load(web(healthy_after=1))
    await trio.sleep(3600)
    lines = crashes()
    counts = [int(found[1]) if (found := re.search(r"\((\d+) crashes", x)) else 1 for x in lines]
    assert counts[:5] == [1, 1, 2, 4, 8]
    assert 60 <= len(lines) <= 75
    assert system.spawned - 60 <= sum(counts) <= system.spawned


async def test_crash_after_a_quiet_minute_is_a_first_one(autojump_clock, kernel, plans, crashes):
    plans["serve"] = CRASH
    job = kernel.manager.load(web())
    await trio.sleep(100)
    job.stop()
    await job.settled()
    await trio.sleep(100)
    before = len(crashes())
    job.start()
    await trio.sleep(0.05)
    assert len(crashes()) == before + 2


async def test_last_exit_is_logged_with_the_rule(autojump_clock, kernel, plans, crashes):
    plans["serve"] = Plan(life=2.0, exit_code=4)
    kernel.manager.load(web(restart="never"))
    await trio.sleep(3)
    assert crashes() == [
        "web.1: exited with status 4 after 2.0 s; not started again: restart = never"
    ]


async def test_completed_instance_is_no_warning(autojump_clock, kernel, plans, crashes, caplog):
    caplog.set_level("INFO")
    plans["serve"] = Plan(life=2.0, exit_code=4)
    kernel.manager.load(web(restart="on-failure", success_codes=[4]))
    await trio.sleep(3)
    assert crashes() == []
    assert "web.1: exited with status 4 after 2.0 s; completed" in caplog.messages


async def test_failed_one_off_is_logged(autojump_clock, kernel, plans, crashes):
    plans["serve"] = Plan(life=2.0, exit_code=4)
    job = kernel.manager.load(web(start=False))
    job.commit()
    await trio.sleep(3)
    assert crashes() == ["web: exited with status 4 after 2.0 s"]


async def test_successful_one_off_is_not_logged(autojump_clock, kernel, plans, crashes):
    plans["serve"] = Plan(life=2.0)
    job = kernel.manager.load(web(start=False))
    job.commit()
    await trio.sleep(3)
    assert crashes() == []


EMBEDDED = """
import trio
from gaffer_kernel import JobConfig, open_kernel

async def main():
    async with open_kernel() as kernel:
        async with kernel.events.subscribe("exit") as events:
            kernel.manager.load(JobConfig(name="job", cmd="sh -c 'exit 3'"))
            await anext(events)

trio.run(main)
"""


def test_crash_prints_nothing_in_a_program_without_logging():
    done = subprocess.run(
        [sys.executable, "-c", EMBEDDED], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
