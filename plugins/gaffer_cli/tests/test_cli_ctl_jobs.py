"""The verbs of gafferctl that show, start, stop and scale jobs."""

import json
import signal

import pytest
from gaffer_kernel import JobConfig, JobName
from gaffer_testing.waiting import until
from msgspec.structs import replace


@pytest.fixture
def load(kernel):
    """Load a running job: `job = load("shop.web", numprocesses=2)`."""

    def load(name="web", cmd="sleep 1000", **fields):
        named = JobName.parse(name)
        return kernel.manager.load(JobConfig(name=named.name, cmd=cmd, **fields), named.session)

    return load


@pytest.fixture
def done(ask):
    """Run gafferctl without an error; return its output."""

    async def run(*arguments):
        result = await ask("gafferctl", *arguments)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    return run


async def test_processes_shows_jobs_or_pids(load, done):
    await load().settled()
    await load("shop.web", numprocesses=2).settled()
    assert await done("processes") == "web\nshop.web\n"
    assert await done("processes", "--running") == "1\n2\n3\n"
    assert json.loads(await done("processes", "--json")) == ["web", "shop.web"]
    assert json.loads(await done("processes", "--running", "--json")) == [1, 2, 3]


async def test_status_without_name_shows_all_jobs(load, done, ask):
    await load().settled()
    [line] = (await done("status")).splitlines()[1:]
    assert line.split()[:2] == ["web", "active"]
    load("shop.web", start=False)
    result = await ask("gafferctl", "status")
    assert (result.returncode, result.stderr) == (3, "")
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [
        ["web", "active"],
        ["shop.web", "stopped"],
    ]
    result = await ask("gafferctl", "status", "--json")
    assert [each["active"] for each in json.loads(result.stdout)] == [True, False]


async def test_running_numprocesses_and_pids_of_a_job(load, done):
    await load("shop.web", numprocesses=2).settled()
    assert await done("running", "shop.web") == "2\n"
    assert await done("numprocesses", "shop:web") == "2\n"
    assert await done("pids", "shop/web") == "1\n2\n"
    assert json.loads(await done("pids", "shop.web", "--json")) == [1, 2]
    assert json.loads(await done("running", "shop.web", "--json")) == 2


async def test_start_and_stop_wait_until_done(load, done):
    job = load(start=False, numprocesses=2)
    assert await done("start", "web") == "ok\n"
    assert len(job.pids()) == 2
    assert json.loads(await done("stop", "web", "--json")) == {"ok": True}
    assert job.pids() == []


@pytest.mark.parametrize("verb", ["restart", "reload"])
async def test_restart_and_reload_replace_all_processes(load, done, verb):
    job = load(numprocesses=2)
    await job.settled()
    before = set(job.pids())
    assert await done(verb, "web") == "ok\n"
    assert len(job.pids()) == 2
    assert not before & set(job.pids())


async def test_reload_of_a_stopped_job_says_so(load, ask):
    load(start=False)
    load("other")
    done = await ask("gafferctl", "reload", "web")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "gafferctl: web: stopped, so nothing was started: use start\n"
    done = await ask("gafferctl", "reload", "web", "other")
    assert (done.returncode, done.stdout) == (1, "other: ok\n")
    assert "web: stopped, so nothing was started" in done.stderr


async def test_restart_in_batches(load, done):
    job = load(numprocesses=2)
    await job.settled()
    assert await done("restart", "web", "--rolling") == "ok\n"
    assert await done("restart", "web", "--batch", "50%") == "ok\n"
    assert job.pids() == [5, 6]


async def test_status_explains_a_restart_that_failed(load, done):
    job = load(ready_after=2)
    await job.settled()
    job.update(replace(job.config, cmd="sh -c 'exit 3'"))
    await job.settled()
    shown = await done("status", "web")
    assert "active; the last restart failed: instance 1 exited with status 3" in shown


async def test_add_and_sub_print_the_new_number(load, done):
    job = load()
    assert await done("add", "web", 3) == "4\n"
    assert len(job.pids()) == 4
    assert await done("sub", "web", 2) == "2\n"
    assert len(job.pids()) == 2
    assert json.loads(await done("add", "web", "--json")) == {"ok": True, "numprocesses": 3}
    assert await done("sub", "web", 9) == "0\n"


@pytest.fixture
async def stubborn(load, tmp_path):
    """A job `web` that takes two seconds to stop."""
    script = "trap '' TERM; touch ready; exec sleep 1000"
    job = load("web", script, shell=True, cwd=str(tmp_path), graceful_timeout=2)
    await until((tmp_path / "ready").exists)
    return job


async def test_no_wait_returns_when_recorded(stubborn, done):
    assert await done("stop", "web", "--no-wait") == "ok\n"
    assert stubborn.pids() == [1]


async def test_wait_reports_a_timeout(stubborn, ask):
    late = await ask("gafferctl", "stop", "web", "--wait", "0.1")
    assert (late.returncode, late.stdout) == (1, "")
    message = "gafferctl: web: recorded, but not done in the time given\n"
    assert late.stderr == message


async def test_wait_ends_early_if_the_job_cannot_start(load, ask):
    load("web", "/nosuch/program", start=False)
    failed = await ask("gafferctl", "start", "web", "--wait", "50", timeout=20)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("gafferctl: web: ")
    assert "/nosuch/program" in failed.stderr
    assert failed.stderr.count("\n") == 1


async def test_wait_timeout_reports_the_condition(load, ask):
    load("web", "/nosuch/program", start=False)
    failed = await ask("gafferctl", "start", "web", "--wait", "0.3")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "in the time given, it is failing: " in failed.stderr
    assert "/nosuch/program" in failed.stderr


@pytest.mark.parametrize(
    ("target", "sig"), [("web", "USR1"), ("web", "sigusr1"), ("1", signal.SIGUSR1.value)]
)
async def test_kill_accepts_job_or_pid_and_signal_name_or_number(load, done, tmp_path, target, sig):
    script = (
        f"trap 'touch {tmp_path}/got' USR1; touch {tmp_path}/ready; while :; do sleep 0.05; done"
    )
    load("web", script, shell=True)
    await until((tmp_path / "ready").exists)
    assert await done("kill", target, sig) == "ok\n"
    await until((tmp_path / "got").exists)


async def test_kill_of_a_stopped_job_is_status_3(load, ask):
    load(start=False)
    failed = await ask("gafferctl", "kill", "web", "HUP")
    assert (failed.returncode, failed.stdout) == (3, "")
    assert failed.stderr == "gafferctl: web: no process runs that could take the signal\n"


async def test_unknown_signal_is_one_line(load, ask):
    load()
    failed = await ask("gafferctl", "kill", "web", "NOPE")
    assert failed.returncode == 1
    assert "NOPE" in failed.stderr
    assert failed.stderr.count("\n") == 1


async def test_commit_starts_a_one_off_process(load, done, tmp_path):
    job = load("shop.once", f"echo $A >{tmp_path}/output; sleep 1000", shell=True, numprocesses=0)
    output = await done("commit", "shop.once", "-p", "A=7", "--graceful-timeout", "1")
    assert output == "'shop.once': new process 1 launched\n"
    assert job.info()["running_out"] == 1
    await until(
        lambda: (tmp_path / "output").exists() and (tmp_path / "output").read_text() == "7\n"
    )
    assert json.loads(await done("commit", "shop.once", "--json")) == {"ok": True, "pid": 2}


VERBS = [
    *["start", "stop", "restart", "reload", "add", "sub", "pids", "running", "numprocesses"],
    *["status", "commit", "get_process", "del_process"],
]


@pytest.mark.parametrize("verb", VERBS)
async def test_verbs_report_an_unknown_job_with_status_1(ask, verb):
    failed = await ask("gafferctl", verb, "nosuch")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "gafferctl: no job 'nosuch'\n"
