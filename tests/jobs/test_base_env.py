"""The environment between what a process inherits and the variables of its job."""

import pytest

from gaffer_kernel import JobConfig, SpawnError, hookimpl
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.testing import FakeSystem, Recorder


class Base:
    name = "base"

    def __init__(self, **variables):
        self.variables = variables
        self.seen = []
        self.error = None

    @hookimpl
    def gaffer_base_env(self, job, number, environ):
        self.seen.append((str(job.name), number, dict(environ)))
        if self.error is not None:
            raise self.error
        return self.variables

    @hookimpl
    def gaffer_process_env(self):
        return {"LAST": "plugin"}


async def start(plugin, **fields):
    """Start a job; return its process and the request with which it was spawned."""
    system = FakeSystem()
    async with open_kernel(plugins=[plugin], system=system) as kernel:
        job = kernel.manager.load(JobConfig(name="web", **{"cmd": "serve", **fields}))
        await job.settled()
        [process] = job.processes
        return process, system.processes[process.os_pid].request


async def test_variables_are_between_the_inherited_ones_and_those_of_the_job(autojump_clock):
    base = Base(PATH="/base", OWN="base", GAFFER_JOB="base", PORT="1", LAST="base", MORE="base")
    _, request = await start(base, env={"OWN": "job"}, port=8000)

    expected = {"PATH": "/base", "OWN": "job", "GAFFER_JOB": "web", "PORT": "8000"}
    assert request.environ.items() >= {**expected, "LAST": "plugin", "MORE": "base"}.items()
    assert base.seen == [("web", 1, {"PATH": "/usr/bin:/bin"})]


async def test_none_removes_an_inherited_variable(autojump_clock):
    _, request = await start(Base(PATH=None, OWN=None), env={"OWN": "job"})

    assert "PATH" not in request.environ
    assert request.environ["OWN"] == "job"


async def test_values_are_not_shown(autojump_clock):
    base = Base(SECRET="hunter2", OWN="hunter2")
    process, request = await start(base, cmd="serve $SECRET ${OWN}", env={"OWN": "mine"})

    assert request.argv == ["serve", "hunter2", "mine"]
    assert process.argv == ["serve", "$SECRET", "mine"]
    assert process.warnings == []
    assert "hunter2" not in str(process.info())


async def test_spawn_error_is_tried_again(autojump_clock):
    base = Base()
    base.error = SpawnError("bad_env", "no variables today")
    recorder = Recorder()
    async with open_kernel(plugins=[base, recorder], system=FakeSystem()) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
        event = await recorder.wait_for("spawn_error")
        assert (event.data["error"], event.data["reason"]) == ("bad_env", "no variables today")
        assert job.status()["last_error"] == "no variables today"
        assert kernel.plugins.info()[0].failures == 0
        base.error = None
        await job.settled()
        assert len(job.pids()) == 1


async def get_reason(plugin):
    """Start a job; return the reason why there is no process."""
    recorder = Recorder()
    async with open_kernel(plugins=[plugin, recorder], system=FakeSystem()) as kernel:
        kernel.manager.load(JobConfig(name="web", cmd="serve"))
        event = await recorder.wait_for("spawn_error")
        assert event.data["error"] == "bad_env"
        return event.data["reason"]


async def test_process_does_not_start_without_the_variables_of_a_plugin_that_fails(autojump_clock):
    base = Base()
    base.error = RuntimeError("a defect")
    reason = await get_reason(base)
    assert reason.startswith("plugin base: gaffer_base_env raised RuntimeError: a defect")


@pytest.mark.parametrize("result", [5, [("A", "1")]])
async def test_result_that_is_no_mapping_names_the_plugin(autojump_clock, result):
    class Wrong:
        name = "wrong"

        @hookimpl
        def gaffer_base_env(self):
            return result

    kind = type(result).__name__
    assert await get_reason(Wrong()) == (
        f"plugin wrong: gaffer_base_env gave a {kind}, not a mapping"
    )
