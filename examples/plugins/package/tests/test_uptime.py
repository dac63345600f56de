import pytest
from gaffer_testing import Conformance
from gaffer_uptime.plugin import UptimePlugin
from trio.testing import wait_all_tasks_blocked

from gaffer_kernel import Config, JobConfig
from gaffer_kernel.testing import Plan


class TestConformance(Conformance):
    plugin = UptimePlugin


@pytest.fixture
def plugins_under_test():
    return [UptimePlugin]


@pytest.fixture
def kernel_config():
    return Config.from_string("[uptime]\nignore = cron")


async def test_longest_uptime_is_reported(kernel, events, fake_processes):
    fake_processes.plans = {"serve": Plan(life=90.0), "cron": Plan(life=1.0)}
    kernel.manager.load(JobConfig(name="cron", cmd="cron"))
    kernel.manager.load(JobConfig(name="web", cmd="serve"))
    await events.wait("exit", name="web", seconds=100)
    await wait_all_tasks_blocked()

    assert kernel.services["uptime"].longest() == pytest.approx({"web": 90.0})
