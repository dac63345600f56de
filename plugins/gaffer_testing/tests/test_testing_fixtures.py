"""The fixtures, as the author of a plugin uses them; its test module is this one."""

import time
from pathlib import Path

import pytest
import trio
from gaffer_kernel import Config, JobConfig, hookimpl
from gaffer_kernel.testing import Plan


class Ports:
    """The plugin under test."""

    @hookimpl
    def gaffer_process_env(self, job, number):
        return {"PORT": str(8000 + number)}

    @hookimpl
    def gaffer_restart_delay(self, job):
        if str(job.name) == "odd":
            raise RuntimeError("odd")
        return 3600.0


@pytest.fixture
def plugins_under_test():
    return [Ports]


async def test_the_kernel_runs_with_the_plugins_under_test(kernel):
    assert "ports" in [info.name for info in kernel.plugins.info() if info.state == "open"]
    assert kernel.started.is_set()


async def test_events_are_waited_for(kernel, events, fake_processes):
    kernel.manager.load(JobConfig(name="web", cmd="serve"))
    spawned = await events.wait("spawn", name="web")
    assert (await events.wait("spawn", name="web")) is spawned


async def test_what_does_not_happen_fails_the_test_and_says_what_did(
    kernel, events, fake_processes
):
    kernel.manager.load(JobConfig(name="web", cmd="serve"))
    with pytest.raises(pytest.fail.Exception) as caught:
        await events.wait("exit", name="web")
    assert "no exit, name='web' within 5 s" in str(caught.value)
    assert "'event': 'spawn'" in str(caught.value)


async def test_hook_calls_are_noted_with_arguments_and_results(
    kernel, hook_calls, events, fake_processes
):
    job = kernel.manager.load(JobConfig(name="web", cmd="serve", numprocesses=2))
    await job.settled()

    calls = hook_calls("gaffer_process_env", "ports")
    assert [call.arguments for call in calls] == [
        {"job": job, "number": 1},
        {"job": job, "number": 2},
    ]
    assert [call.result for call in calls] == [{"PORT": "8001"}, {"PORT": "8002"}]
    assert {call.hook for call in hook_calls(plugin="ports")} == {"gaffer_process_env"}


async def test_what_a_hook_raised_is_noted(kernel, hook_calls, events, fake_processes):
    fake_processes.plans["crash"] = Plan(life=1.0, exit_code=1)
    kernel.manager.load(JobConfig(name="odd", cmd="crash"))
    await events.wait("exit", name="odd")
    [call, *_] = hook_calls("gaffer_restart_delay")
    assert (call.plugin, call.result, str(call.error)) == ("ports", None, "odd")


async def test_with_fake_processes_an_hour_takes_no_time(kernel, events, fake_processes):
    began = time.monotonic()
    fake_processes.plans["crash"] = Plan(life=1.0, exit_code=1)
    kernel.manager.load(JobConfig(name="web", cmd="crash"))
    await events.wait("exit", name="web")
    first = trio.current_time()
    await events.wait("spawn", name="web", pid=2, seconds=7200)
    assert trio.current_time() - first == pytest.approx(3600)
    assert time.monotonic() - began < 60


async def test_fake_processes_are_puppets(kernel, events, fake_processes):
    job = kernel.manager.load(JobConfig(name="web", cmd="serve", numprocesses=2))
    await job.settled()
    one, _ = fake_processes.of("serve")
    assert one.request.environ["PORT"] == "8001"
    one.exit(3)
    await events.wait("exit", name="web", exit_code=3)


async def test_without_fake_processes_they_are_real(kernel, events):
    kernel.manager.load(JobConfig(name="nap", cmd="sh -c 'exit 7'", numprocesses=0)).commit()
    await events.wait("exit", name="nap", exit_code=7, seconds=30)


class TestWithAConfiguration:
    @pytest.fixture
    def kernel_config(self):
        return Config.from_string("[process:web]\ncmd = serve\n")

    async def test_its_jobs_are_there(self, kernel, fake_processes):
        assert [str(job.name) for job in kernel.manager.jobs()] == ["web"]


class TestWithAFolder:
    @pytest.fixture
    def plugins_under_test(self, tmp_path):
        for name, word in (("one", "1"), ("two", "2"), ("broken", "oops(")):
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text(code_of(word))
        return [tmp_path / "one", tmp_path / "two"]

    async def test_the_plugins_in_it_run_and_no_others(self, kernel, fake_processes):
        states = {info.name: info.state for info in kernel.plugins.info()}
        assert (states["one"], states["two"], states["broken"]) == ("open", "open", "disabled")

    async def test_calls_of_new_code_are_noted(self, kernel, hook_calls, plugins_under_test):
        (plugins_under_test[0] / "__init__.py").write_text(code_of("'new'"))
        await kernel.plugins.reload("one")
        kernel.manager.load(JobConfig(name="nap", cmd="sleep 60"))
        await kernel.manager.get("nap").settled()
        assert hook_calls("gaffer_process_env", "one")[-1].result == {"WORD": "new"}


def code_of(word):
    return f"""
from gaffer_kernel import hookimpl

@hookimpl
def gaffer_process_env():
    return {{"WORD": {word}}}
"""


def test_a_stranger_needs_no_configuration_of_pytest(pytester):
    pytester.makepyfile(
        """
        import pytest
        from gaffer_kernel import JobConfig

        @pytest.mark.trio
        async def test_mine(kernel, events, fake_processes):
            kernel.manager.load(JobConfig(name="web", cmd="serve"))
            await events.wait("spawn", name="web")
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_they_are_in_the_list_of_fixtures(pytester):
    listed = pytester.runpytest_subprocess("--fixtures", "-p", "no:cacheprovider").outlines
    for name in ("kernel", "events", "hook_calls", "fake_processes", "plugins_under_test"):
        assert any(line.startswith(name) for line in listed), name


def test_the_readme_names_every_fixture():
    text = (Path(__file__).parent.parent / "README.md").read_text()
    for name in (
        *("kernel", "events", "hook_calls", "fake_processes"),
        *("plugins_under_test", "kernel_config"),
    ):
        assert f"`{name}`" in text
