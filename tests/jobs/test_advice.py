"""Test the answers of plugins to the questions of a job."""

from math import inf

import pytest
import trio

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.spawn_settings import SpawnSettings
from gaffer_kernel.testing import Plan
from tests.fake_jobs import CRASH, fakes, web


async def test_variables_of_plugins_override_those_of_the_job(
    autojump_clock, kernel, system, adviser
):
    adviser.env = {"PORT": "5000", "B": "plugin"}
    job = kernel.manager.load(web(cmd="serve $PORT", env={"A": "1", "B": "2"}))
    await job.settled()
    [fake] = fakes(job, system)
    assert fake.request.argv == ["serve", "5000"]
    assert fake.request.environ["A"] == "1"
    assert fake.request.environ["B"] == "plugin"


async def test_numbers_of_plugins_become_text_in_the_environment(
    autojump_clock, kernel, adviser, system
):
    adviser.env = {"PORT": 80}
    job = kernel.manager.load(web(cmd="serve $PORT"))
    await job.settled()
    assert fakes(job, system)[0].request.argv == ["serve", "80"]


class Unprintable:
    def __str__(self):
        raise RuntimeError("no text")


class Misshapen:
    def items(self):
        return [1, 2]


@pytest.mark.parametrize("env", [["A=1"], "A=1", 5, object, {"A": Unprintable()}, Misshapen()])
async def test_an_invalid_environment_of_a_plugin_is_logged_and_the_process_starts(
    autojump_clock, kernel, adviser, caplog, env
):
    adviser.env = env
    job = kernel.manager.load(web())
    await job.settled()
    assert "plugin adviser: gaffer_process_env" in caplog.text


async def test_an_invalid_environment_at_every_start_is_not_logged_each_time(
    autojump_clock, kernel, adviser, caplog
):
    adviser.env = ["A=1"]
    kernel.manager.load(web(numprocesses=100))
    await trio.sleep(1)
    lines = [each for each in caplog.messages if "gaffer_process_env gave a list" in each]
    assert len(lines) == 7
    assert lines[-1].endswith("not a mapping, failed 64 times so far")


async def test_settings_of_plugins_reach_the_spawn(autojump_clock, kernel, system, adviser):
    await kernel.manager.load(web()).settled()
    adviser.settings = SpawnSettings(nice=5, descriptors={"http": 9})
    job = kernel.manager.load(web(name="two", custom_streams=["ctrl"]))
    await job.settled()
    [fake] = fakes(job, system)
    assert fake.request.settings == adviser.settings
    names = ("LISTEN_FDS", "GAFFER_FD_HTTP", "GAFFER_STREAM_CTRL")
    assert [fake.request.environ[name] for name in names] == ["1", "3", "4"]
    [first] = fakes(kernel.manager.get("web"), system)
    assert first.request.settings is None


@pytest.mark.parametrize(
    ("settings", "slug", "reason"),
    [
        (SpawnError("bad_setting", "no room"), "bad_setting", "no room"),
        (KeyError("x"), "bad_setting", "gaffer_spawn_settings raised KeyError"),
        ({"nice": 5}, "bad_setting", "gaffer_spawn_settings gave"),
    ],
)
async def test_a_process_without_its_settings_is_not_started(
    autojump_clock, kernel, adviser, recorder, settings, slug, reason
):
    adviser.settings = settings
    job = kernel.manager.load(web())
    failed = await recorder.wait_for("spawn_error")
    assert failed.data["error"] == slug
    assert reason in failed.data["reason"]
    adviser.settings = None
    await job.settled()
    assert len(job.pids()) == 1


@pytest.mark.parametrize(("delay", "starts"), [(0.0, 1001), (1.0, 11), (inf, 1), (None, 5)])
async def test_a_plugin_decides_the_restart_delay(
    autojump_clock, kernel, plans, adviser, system, delay, starts
):
    plans["serve"] = Plan(life=0.01, exit_code=1)
    adviser.delay = delay
    job = kernel.manager.load(web())
    await trio.sleep(10.05)
    assert abs(system.spawned - starts) <= (50 if delay != inf else 0)
    assert (job.status()["state"] == "failed") == (delay == inf)
    job.stop()


async def test_the_delay_of_a_plugin_overrides_flapping(
    autojump_clock, kernel, plans, adviser, recorder
):
    plans["serve"] = CRASH
    adviser.delay = 1.0
    kernel.manager.load(web(flapping=Flapping(attempts=1, max_retry=0)))
    await trio.sleep(100)
    assert "flap" not in recorder.names("web")


@pytest.mark.parametrize("delay", ["soon", -5, -inf, float("nan"), [1]])
async def test_an_invalid_delay_of_a_plugin_is_logged_and_the_rule_decides(
    autojump_clock, kernel, plans, adviser, system, caplog, delay
):
    plans["serve"] = CRASH
    adviser.delay = delay
    job = kernel.manager.load(web())
    await trio.sleep(100)
    assert system.spawned < 50
    plans["serve"] = Plan()
    await trio.sleep(11)
    assert len(job.pids()) == 1
    assert "plugin adviser: gaffer_restart_delay" in caplog.text


async def test_a_delay_too_large_for_a_float_means_no_restart(
    autojump_clock, kernel, plans, adviser, system
):
    plans["serve"] = CRASH
    adviser.delay = 10**400
    job = kernel.manager.load(web())
    await trio.sleep(80_000)
    assert (system.spawned, job.status()["state"]) == (1, "failed")
