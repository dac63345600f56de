"""`gafferctl sessions`, as a subprocess."""

import json

import pytest
from gaffer_kernel import JobConfig


@pytest.fixture
async def jobs(kernel):
    """Two jobs in a session, and one in another."""
    jobs = [
        kernel.manager.load(JobConfig(name=name, cmd="sleep 1000", start=False), session)
        for name, session in (("a", "shop"), ("b", "shop"), ("c", "other"))
    ]
    return {str(job.name): job for job in jobs}


async def test_sessions_shows_all(jobs, ask):
    assert (await ask("gafferctl", "sessions")).stdout == "shop\nother\n"
    done = await ask("gafferctl", "sessions", "list", "--json")
    assert json.loads(done.stdout) == ["shop", "other"]


async def test_sessions_start_restart_and_stop_all_jobs_of_one(jobs, ask):
    done = await ask("gafferctl", "sessions", "start", "shop")
    assert (done.returncode, done.stdout) == (0, "ok\n")
    before = {name: job.pids() for name, job in jobs.items()}
    assert {name: len(pids) for name, pids in before.items()} == {
        "shop.a": 1,
        "shop.b": 1,
        "other.c": 0,
    }
    await ask("gafferctl", "sessions", "restart", "shop")
    assert all(jobs[name].pids() != before[name] for name in ("shop.a", "shop.b"))
    await ask("gafferctl", "sessions", "stop", "shop")
    assert not any(job.pids() for job in jobs.values())


async def test_unknown_session_is_one_line(kernel, ask):
    done = await ask("gafferctl", "sessions", "stop", "nosuch")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "nosuch" in done.stderr


@pytest.mark.parametrize("arguments", [("stop",), ("list", "shop"), ("halt", "shop")])
def test_wrong_usage_of_sessions_is_one_line(command, arguments):
    done = command("gafferctl", "sessions", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
