"""Verbs with several jobs, with all jobs of a session, and with similar names."""

import json

import pytest
from gaffer_kernel import JobConfig, JobName


@pytest.fixture
async def jobs(kernel):
    """Stopped jobs by name."""
    names = ["web", "shop.web", "shop.worker"]
    parsed = {name: JobName.parse(name) for name in names}
    return {
        name: kernel.manager.load(
            JobConfig(name=each.name, cmd="sleep 1000"), each.session, start=False
        )
        for name, each in parsed.items()
    }


def active(jobs):
    return [name for name, job in jobs.items() if job.pids()]


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (["web", "shop.worker"], ["web", "shop.worker"]),
        (["shop.*"], ["shop.web", "shop.worker"]),
        (["shop"], ["shop.web", "shop.worker"]),
        (["all"], ["web", "shop.web", "shop.worker"]),
    ],
)
async def test_start_and_stop_take_several_names(jobs, ask, arguments, chosen):
    done = await ask("gafferctl", "start", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"{name}: ok" for name in chosen]
    assert active(jobs) == chosen
    done = await ask("gafferctl", "stop", *arguments, "--json")
    assert json.loads(done.stdout) == {"ok": True, "jobs": chosen, "errors": {}}
    assert active(jobs) == []


async def test_one_crash_does_not_hide_the_other_jobs(jobs, kernel, ask):
    kernel.manager.load(JobConfig(name="bad", cmd="sh -c 'exit 3'"), start=False)
    failed = await ask("gafferctl", "start", "bad", "web")
    assert (failed.returncode, failed.stdout) == (1, "web: ok\n")
    assert failed.stderr.startswith("gafferctl: bad: exited with status 3 after ")


async def test_status_takes_several_names(jobs, ask):
    done = await ask("gafferctl", "status", "shop.*")
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["shop.web", "stopped"],
        ["shop.worker", "stopped"],
    ]


@pytest.mark.parametrize("verb", ["stop", "status", "pids", "add", "get_process"])
async def test_unknown_job_is_answered_with_a_similar_name(jobs, ask, verb):
    failed = await ask("gafferctl", verb, "worker")
    assert failed.returncode == 1
    assert failed.stderr == "gafferctl: no job 'worker': did you mean shop.worker?\n"


async def test_missing_name_is_wrong_usage(jobs, ask):
    failed = await ask("gafferctl", "stop")
    assert failed.returncode == 2
    assert failed.stderr.startswith("gafferctl stop: missing argument 'NAME'; all stands for")


async def test_jobs_without_lookupd_lists_the_jobs(jobs, ask):
    assert (await ask("gafferctl", "jobs")).stdout.split() == ["web", "shop.web", "shop.worker"]


async def test_gaffer_knows_verbs_of_gafferctl(jobs, ask, tmp_path):
    shop = tmp_path / "shop"
    shop.mkdir()
    jobs["shop.web"].start()
    jobs["web"].start()
    assert (await ask("gaffer", "reload", "shop.web")).stdout == "ok\n"
    done = await ask("gaffer", "status", cwd=shop)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["shop.web", "shop.worker"]
    assert (await ask("gaffer", "stop", cwd=shop)).returncode == 0
    assert active(jobs) == ["web"]
    assert "shop.worker" in (await ask("gaffer", "top")).stdout


@pytest.fixture
def folder(tmp_path):
    """The folder of the application `shop`."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


async def test_gaffer_takes_types_of_the_application_of_its_folder(jobs, ask, folder):
    async def gaffer(*arguments):
        done = await ask("gaffer", *arguments, cwd=folder)
        assert done.stderr == ""
        return done.stdout

    jobs["shop.web"].start()
    jobs["shop.worker"].start()
    assert (await gaffer("status", "worker")).startswith("active")
    assert "worker.1" in (await gaffer("ps", "worker"))
    assert (await gaffer("logs", "-n", "1", "worker")) == ""
    old = jobs["shop.worker"].pids()
    assert (await gaffer("restart", "worker")) == "ok\n"
    assert jobs["shop.worker"].pids() != old
    assert (await gaffer("restart", "shop.web")) == "ok\n"
    assert (await gaffer("restart", ".")) == "'shop' restarted\n"
    assert (await gaffer("stop", "worker")) == "ok\n"
    assert active(jobs) == ["shop.web"]
    await gaffer("stop", ".")
    assert active(jobs) == []


async def test_a_job_of_the_name_comes_before_a_type(jobs, ask, folder):
    jobs["web"].start()
    jobs["shop.web"].start()
    assert (await ask("gaffer", "stop", "web", cwd=folder)).stdout == "ok\n"
    assert active(jobs) == ["shop.web"]


async def test_gafferctl_knows_no_types(jobs, ask, folder):
    failed = await ask("gafferctl", "restart", "worker", cwd=folder)
    assert failed.stderr == "gafferctl: no job 'worker': did you mean shop.worker?\n"


@pytest.mark.parametrize(
    ("arguments", "suggested"),
    [
        (["logs", "shop.wroker"], "shop.worker"),
        (["logs", "wroker"], "shop.worker"),
        (["status", "wroker"], "shop.worker"),
        (["restart", "shop.wroker"], "shop.worker"),
        (["scale", "wroker=2"], "shop.worker"),
    ],
)
async def test_every_verb_of_gaffer_suggests_a_similar_name(
    jobs, ask, folder, arguments, suggested
):
    failed = await ask("gaffer", *arguments, cwd=folder)
    assert failed.returncode == 1
    assert failed.stderr.endswith(f": did you mean {suggested}?\n")


async def test_gafferctl_knows_ps_and_logs_of_all_jobs(kernel, jobs, ask):
    job = kernel.manager.load(
        JobConfig(name="talk", cmd="sh -c 'echo hello; sleep 1000'", redirect_output=["out"])
    )
    await job.settled()
    done = await ask("gafferctl", "ps")
    assert all(name in done.stdout for name in ("talk", "worker"))
    assert "hello" in (await ask("gafferctl", "logs", "--no-follow")).stdout
