"""Test the fixtures; this module is the test module of a plugin author."""

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


async def test_kernel_runs_with_the_plugins_under_test(kernel):
    assert "ports" in [info.name for info in kernel.plugins.info() if info.state == "open"]
    assert kernel.started.is_set()


async def test_events_wait_returns_past_and_future_events(kernel, events, fake_processes):
    kernel.manager.load(JobConfig(name="web", cmd="serve"))
    spawned = await events.wait("spawn", name="web")
    assert (await events.wait("spawn", name="web")) is spawned


async def test_events_wait_fails_with_the_last_events_after_the_timeout(
    kernel, events, fake_processes
):
    kernel.manager.load(JobConfig(name="web", cmd="serve"))
    with pytest.raises(pytest.fail.Exception) as caught:
        await events.wait("exit", name="web")
    assert "no exit, name='web' within 5 s" in str(caught.value)
    assert "'event': 'spawn'" in str(caught.value)


async def test_hook_calls_record_arguments_and_results(kernel, hook_calls, events, fake_processes):
    job = kernel.manager.load(JobConfig(name="web", cmd="serve", numprocesses=2))
    await job.settled()

    calls = hook_calls("gaffer_process_env", "ports")
    assert [call.arguments for call in calls] == [
        {"job": job, "number": 1},
        {"job": job, "number": 2},
    ]
    assert [call.result for call in calls] == [{"PORT": "8001"}, {"PORT": "8002"}]
    assert {call.hook for call in hook_calls(plugin="ports")} == {"gaffer_process_env"}


async def test_hook_calls_record_exceptions(kernel, hook_calls, events, fake_processes):
    fake_processes.plans["crash"] = Plan(life=1.0, exit_code=1)
    kernel.manager.load(JobConfig(name="odd", cmd="crash"))
    await events.wait("exit", name="odd")
    [call, *_] = hook_calls("gaffer_restart_delay")
    assert (call.plugin, call.result, str(call.error)) == ("ports", None, "odd")


async def test_fake_processes_use_a_virtual_clock(kernel, events, fake_processes):
    began = time.monotonic()
    fake_processes.plans["crash"] = Plan(life=1.0, exit_code=1)
    kernel.manager.load(JobConfig(name="web", cmd="crash"))
    await events.wait("exit", name="web")
    first = trio.current_time()
    await events.wait("spawn", name="web", pid=2, seconds=7200)
    assert trio.current_time() - first == pytest.approx(3600)
    assert time.monotonic() - began < 60


async def test_fake_processes_are_controlled_by_the_test(kernel, events, fake_processes):
    job = kernel.manager.load(JobConfig(name="web", cmd="serve", numprocesses=2))
    await job.settled()
    one, _ = fake_processes.by_program("serve")
    assert one.request.environ["PORT"] == "8001"
    one.exit(3)
    await events.wait("exit", name="web", exit_code=3)


async def test_processes_are_real_by_default(kernel, events):
    kernel.manager.load(JobConfig(name="nap", cmd="sh -c 'exit 7'", numprocesses=0)).commit()
    await events.wait("exit", name="nap", exit_code=7, seconds=30)


class TestWithAConfiguration:
    @pytest.fixture
    def kernel_config(self):
        return Config.from_string("[process:web]\ncmd = serve\n")

    async def test_kernel_has_its_jobs(self, kernel, fake_processes):
        assert [str(job.name) for job in kernel.manager.jobs()] == ["web"]


class TestWithAFolder:
    @pytest.fixture
    def plugins_under_test(self, tmp_path):
        for name, word in (("one", "1"), ("two", "2"), ("broken", "oops(")):
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text(make_code(word))
        return [tmp_path / "one", tmp_path / "two"]

    async def test_only_the_given_plugins_of_the_folder_run(self, kernel, fake_processes):
        states = {info.name: info.state for info in kernel.plugins.info()}
        assert (states["one"], states["two"], states["broken"]) == ("open", "open", "disabled")

    async def test_hook_calls_record_reloaded_code(self, kernel, hook_calls, plugins_under_test):
        (plugins_under_test[0] / "__init__.py").write_text(make_code("'new'"))
        await kernel.plugins.reload("one")
        kernel.manager.load(JobConfig(name="nap", cmd="sleep 60"))
        await kernel.manager.get("nap").settled()
        assert hook_calls("gaffer_process_env", "one")[-1].result == {"WORD": "new"}


def make_code(word):
    return f"""
from gaffer_kernel import hookimpl

@hookimpl
def gaffer_process_env():
    return {{"WORD": {word}}}
"""


def test_fixtures_need_no_configuration_of_pytest(pytester):
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


def test_fixtures_are_listed_by_pytest(pytester):
    listed = pytester.runpytest_subprocess("--fixtures", "-p", "no:cacheprovider").outlines
    for name in ("kernel", "events", "hook_calls", "fake_processes", "plugins_under_test"):
        assert any(line.startswith(name) for line in listed), name


def test_readme_names_every_fixture():
    text = (Path(__file__).parent.parent / "README.md").read_text()
    for name in (
        *("kernel", "events", "hook_calls", "fake_processes"),
        *("plugins_under_test", "kernel_config"),
    ):
        assert f"`{name}`" in text
