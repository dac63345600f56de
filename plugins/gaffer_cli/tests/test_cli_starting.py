"""Verbs that start processes: they report the first exit of a job that does not run."""

import json
import re

import pytest
from gaffer_client.models import FlappingStatus, InstanceStatus, Status
from gaffer_kernel import JobConfig
from gaffer_testing.waiting import until

from gaffer_cli.condition import describe_condition

OUTPUT = {"redirect_output": ["out"]}
CRASH = "echo starting; echo 'no database'; exit 3"


@pytest.fixture
def load(kernel):
    """Load a job of a shell script, stopped unless `start=True`."""

    def load(script, name="web", start=False, **fields):
        fields = {**OUTPUT, "shell": True, **fields}
        return kernel.manager.load(JobConfig(name=name, cmd=script, **fields), start=start)

    return load


@pytest.mark.parametrize("verb", ["start", "restart", "reload"])
async def test_a_crash_is_status_1_with_the_last_line_of_output(load, ask, verb):
    # A reload does not start a stopped job.
    load(CRASH, start=verb == "reload")
    failed = await ask("gafferctl", verb, "web")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("gafferctl: web: exited with status 3 after ")
    assert failed.stderr.endswith(" s: no database\n")


async def test_a_crash_of_an_added_job_is_status_1(ask):
    failed = await ask("gafferctl", "add_process", "--start", "web", "sh -c 'sleep 0.3; exit 3'")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("gafferctl: web: exited with status 3 after 0.")


async def test_an_exit_with_status_0_is_reported_with_status_0(load, ask):
    load("echo hi")
    done = await ask("gafferctl", "start", "web")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("web: exited with status 0 after ")
    assert done.stdout.endswith(" s: hi\n")


async def test_no_wait_does_not_wait_for_a_crash(load, ask):
    load(CRASH)
    done = await ask("gafferctl", "start", "--no-wait", "web")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


async def test_a_crash_of_a_flapping_job_without_retries_is_status_1(load, ask):
    flapping = {"attempts": 1, "window": 60, "retry_in": 60, "max_retry": 0}
    load(CRASH, flapping=flapping)
    failed = await ask("gafferctl", "start", "web")
    assert failed.returncode == 1
    assert "exited with status 3" in failed.stderr


async def test_load_reports_a_crashed_type_and_keeps_the_others(kernel, ask, procfile, tmp_path):
    procfile(web="sleep 1000", worker="sh -c 'exit 3'")
    done = await ask("gaffer", "load", "shop")
    assert done.returncode == 1
    assert done.stdout.startswith("'shop' has been loaded in ")
    assert done.stderr.startswith("gaffer: shop.worker: exited with status 3 after ")
    assert len(done.stderr.splitlines()) == 1
    assert len(kernel.manager.jobs("shop")) == 2


@pytest.mark.parametrize(
    "arguments", [("gaffer", "restart", "default"), ("gafferctl", "sessions", "start", "default")]
)
async def test_verbs_for_a_session_report_crashed_jobs(load, ask, arguments):
    load(CRASH)
    failed = await ask(*arguments)
    assert failed.returncode == 1
    assert "web: exited with status 3" in failed.stderr


async def test_scale_reports_a_crash(load, ask):
    load(CRASH, start=True, numprocesses=0)
    failed = await ask("gaffer", "scale", "default", "web=1")
    assert failed.returncode == 1
    assert "web: exited with status 3" in failed.stderr


async def test_status_of_a_crash_loop_is_3_with_the_reason(load, ask):
    job = load("exit 3", start=True)
    await until(lambda: job.restarts >= 3)
    failed = await ask("gafferctl", "status", "web")
    assert (failed.returncode, failed.stderr) == (3, "")
    assert failed.stdout.startswith("failing: exited with status 3 after ")
    assert " restarts, next start in " in failed.stdout
    table = await ask("gafferctl", "status")
    assert table.returncode == 3
    assert re.search(r"^web +failing.* exited with status 3 after ", table.stdout, re.MULTILINE)
    assert json.loads((await ask("gafferctl", "status", "web", "--json")).stdout)["failing"]
    assert "web.1  failing" in (await ask("gaffer", "ps", "default")).stdout
    assert "failing" in (await ask("gafferctl", "top")).stdout


@pytest.mark.parametrize(
    ("code", "state", "status"), [(0, "completed", 0), (3, "failed: exited with status 3", 3)]
)
async def test_status_of_an_ended_job(load, ask, code, state, status):
    job = load(f"exit {code}", start=True, restart="never")
    await until(lambda: not job.active)
    for name in ("web", "default"):
        shown = await ask("gafferctl", "status", name)
        assert (shown.returncode, shown.stderr) == (status, "")
        assert state in shown.stdout


async def test_status_says_why_a_job_waits(kernel, load, ask, monkeypatch):
    reason = "the database is not ready"
    monkeypatch.setattr(kernel.advice, "start_condition", lambda job, number: reason)
    job = load("sleep 1000", start=True)
    waiting = await ask("gafferctl", "status", "web")
    assert (waiting.returncode, waiting.stdout) == (3, f"waiting: {reason}\n")
    assert f"waiting: {reason}" in (await ask("gaffer", "ps", "default")).stdout
    assert "waiting" in (await ask("gafferctl", "top")).stdout
    reason = None
    job.reconsider()
    await job.settled()
    [process] = job.processes
    process.set_ready(False, "no answer")
    unready = await ask("gafferctl", "status", "web")
    assert (unready.returncode, unready.stdout) == (3, "unready: no answer\n")
    assert "unready" in (await ask("gaffer", "ps", "default")).stdout


async def test_start_reports_how_a_job_that_is_not_restarted_ends(load, ask):
    load("echo migrated; exit 3", restart="never", success_codes=[3])
    done = await ask("gafferctl", "start", "web")
    assert (done.returncode, done.stderr) == (0, "")
    assert "web: exited with status 3 after " in done.stdout
    assert done.stdout.endswith(": migrated\n")


async def test_start_fails_if_a_job_that_is_not_restarted_fails(load, ask):
    load("echo oops; exit 3", restart="never")
    failed = await ask("gafferctl", "start", "web")
    assert failed.returncode == 1
    assert "web: exited with status 3 after " in failed.stderr
    assert failed.stderr.endswith(": oops\n")


EXIT = "exited with status 3 after 0.1 s"


def instance(number, state, reason="started"):
    return InstanceStatus(number=number, state=state, reason=reason)


@pytest.mark.parametrize(
    ("fields", "condition"),
    [
        ({}, "active"),
        ({"restarts": 2, "last_exit": EXIT}, "active"),
        (
            {"failing": True, "last_exit": EXIT, "restarts": 5, "next_start_in": 1.234},
            f"failing: {EXIT}, 5 restarts, next start in 1.2 s",
        ),
        (
            {"failing": True, "last_exit": EXIT, "restarts": 1, "numprocesses": 2, "running": 1},
            f"failing: 1 of 2 run, {EXIT}, 1 restart",
        ),
        ({"active": False, "stopped": True, "last_exit": EXIT}, "stopped"),
        (
            {
                "active": False,
                "last_exit": EXIT,
                "next_start_in": 60.0,
                "flapping": FlappingStatus(1, waiting=True),
            },
            f"flapping: {EXIT}, next start in 60.0 s",
        ),
        (
            {"active": False, "last_exit": EXIT, "flapping": FlappingStatus(2, gave_up=True)},
            f"given up: {EXIT}",
        ),
        ({"instances": [instance(1, "ready"), instance(2, "stopping")]}, "active"),
        (
            {"instances": [instance(1, "starting", "connection refused")]},
            "starting: connection refused",
        ),
        (
            {
                "numprocesses": 2,
                "instances": [instance(1, "ready"), instance(2, "unready", "no answer")],
            },
            "unready: 1 of 2 ready, no answer",
        ),
        (
            {
                "running": 0,
                "state": "waiting",
                "instances": [instance(1, "waiting", "no database")],
            },
            "waiting: no database",
        ),
        (
            {
                "active": False,
                "state": "failed",
                "last_exit": EXIT,
                "instances": [instance(1, "exited", f"{EXIT}: not started again: restart = never")],
            },
            f"failed: {EXIT}: not started again: restart = never",
        ),
        ({"active": False, "state": "completed", "last_exit": EXIT}, "completed"),
        (
            {"active": False, "state": "failed", "last_exit": EXIT, "restarts": 3, "running": 0},
            f"failed: {EXIT}, 3 restarts",
        ),
    ],
)
def test_condition_in_words(fields, condition):
    status = Status(**{"active": True, "running": 1, "numprocesses": 1, **fields})
    assert describe_condition(status) == condition
