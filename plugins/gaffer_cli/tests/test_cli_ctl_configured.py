"""The verbs of gafferctl that add, show, change and remove jobs."""

import json

import pytest
from gaffer_kernel import JobConfig

JOB = {"name": "web", "cmd": "sleep", "args": ["1000"], "env": {"A": "1"}, "numprocesses": 2}
UNSET = {"uid": "", "gid": "", "cwd": "", "detach": False, "shell": False, "os_env": False}


def the_job(kernel, name="web", session="default"):
    [job] = [job for job in kernel.manager.jobs(session) if job.name.name == name]
    return job


@pytest.mark.parametrize("way", ["file", "pipe", "redirection"])
async def test_load_process_reads_a_file_or_standard_input(kernel, ask, tmp_path, way):
    file = tmp_path / "test.json"
    file.write_text(json.dumps({**JOB, **UNSET}))
    if way == "file":
        done = await ask("gafferctl", "load_process", "test.json")
    elif way == "pipe":
        done = await ask("gafferctl", "load_process", "-", input=file.read_text())
    else:
        with file.open() as stdin:
            done = await ask("gafferctl", "load_process", "-", stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
    job = the_job(kernel)
    assert job.config.args == ("1000",)
    assert dict(job.config.env) == {"A": "1"}
    assert not job.active


async def test_load_process_start_starts_the_jobs(kernel, ask, tmp_path):
    jobs = {"jobs": [{**JOB, "name": "shop.web", "start": False}, {"name": "b", "cmd": "sleep 9"}]}
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    done = await ask("gafferctl", "load_process", "--start", "jobs.json", "--json")
    assert json.loads(done.stdout) == {"ok": True}
    assert len(the_job(kernel, "web", "shop").pids()) == 2
    assert len(the_job(kernel, "b").pids()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "test.json: no such file or directory"),
        ('{\n"name": "a"\n"cmd": "b"}', "test.json:3: this is not JSON: expecting ',' delimiter"),
        ("[]", 'test.json must hold a job, or {"jobs": [...]}'),
        ('{"jobs": [], "name": "a"}', "test.json: `jobs` must be a list, and the only field"),
        ('{"jobs": [1]}', "test.json: a job is an object with a name and a cmd"),
        ('{"cmd": "sleep 9"}', "test.json: a job has no name, or one that is not a string"),
        ('{"name": "a", "cmd": 1}', "test.json: a job has no cmd, or one that is not a string"),
        ('{"name": "a b", "cmd": "c"}', "test.json: 'a b' is not a job name"),
        ('{"name": "a", "cmd": "c", "cwdd": 1}', "cwdd: is not a field of a job, did you mean"),
        ('{"name": "a", "cmd": "c", "wait": 1}', "a: wait: is not a field of a job"),
        ('{"name": "a", "cmd": "c", "self": 1}', "a: self: is not a field of a job"),
    ],
)
async def test_load_process_of_an_invalid_job_is_one_line(kernel, ask, tmp_path, text, message):
    if text is not None:
        (tmp_path / "test.json").write_text(text)
    failed = await ask("gafferctl", "load_process", "test.json")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith(f"gafferctl: {message}")
    assert failed.stderr.count("\n") == 1
    assert kernel.manager.jobs() == []


async def test_add_process_adds_a_job_by_name_and_command_line(kernel, ask):
    done = await ask("gafferctl", "add_process", "shop.web", "sleep 1000")
    assert (done.stdout, done.stderr) == ("ok\n", "")
    assert not the_job(kernel, "web", "shop").active
    await ask("gafferctl", "add_process", "--start", "web", "sleep 1000")
    assert len(the_job(kernel).pids()) == 1


async def test_add_process_warns_of_shell_syntax(kernel, ask):
    done = await ask("gafferctl", "add_process", "web", "sleep 1000 > log")
    assert (done.returncode, done.stdout) == (0, "ok\n")
    assert done.stderr == (
        "gafferctl: warning: web: > has no meaning without a shell: set shell = true, or quote it\n"
    )


async def test_add_process_of_an_existing_job_is_one_line(kernel, ask):
    kernel.manager.load(JobConfig(name="web", cmd="sleep 1000"))
    failed = await ask("gafferctl", "add_process", "web", "sleep 1000")
    assert failed.returncode == 1
    assert failed.stderr == "gafferctl: job 'web' already exists\n"


async def test_load_process_accepts_the_output_of_get_process(kernel, ask):
    kernel.manager.load(JobConfig.from_dict({**JOB, "start": False}), "shop")
    shown = await ask("gafferctl", "get_process", "shop.web")
    config = json.loads(shown.stdout)
    assert config["name"] == "shop.web"
    assert config["args"] == ["1000"]
    assert shown.stdout.count("\n") > 5
    assert (await ask("gafferctl", "get_process", "shop.web", "--json")).stdout.count("\n") == 1
    before = the_job(kernel, "web", "shop").config
    assert (await ask("gafferctl", "del_process", "shop.web")).stdout == "ok\n"
    assert kernel.manager.jobs() == []
    done = await ask("gafferctl", "load_process", "-", input=shown.stdout)
    assert done.stderr == ""
    assert the_job(kernel, "web", "shop").config == before


async def test_update_process_changes_only_the_command_line(kernel, ask):
    job = kernel.manager.load(JobConfig.from_dict(JOB))
    await job.settled()
    before = set(job.pids())
    done = await ask("gafferctl", "update_process", "web", "sleep 2000")
    assert (done.stdout, done.stderr) == ("ok\n", "")
    assert (job.config.cmd, job.config.args) == ("sleep 2000", ())
    assert dict(job.config.env) == {"A": "1"}
    assert len(job.pids()) == 2
    assert not before & set(job.pids())


async def test_update_process_leaves_a_stopped_job_stopped(kernel, ask):
    job = kernel.manager.load(JobConfig(name="web", cmd="sleep 1000", start=False))
    await ask("gafferctl", "update_process", "web", "sleep 2000")
    assert job.config.cmd == "sleep 2000"
    assert not job.active
