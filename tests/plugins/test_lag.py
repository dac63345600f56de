"""LagMonitor: which hooks are reported as slow, and how often."""

import time

import pytest

from gaffer_kernel import JobConfig, hookimpl
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.plugins.lag import LagMonitor
from gaffer_kernel.plugins.record import PluginRecord
from gaffer_kernel.testing import FakeSystem

SLOW = PluginRecord("slow", None, "gaffer-slow", "1.2")
OTHER = PluginRecord("other", None)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now

    def pass_time(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def monitor(clock):
    return LagMonitor(clock)


def test_hook_that_blocks_is_named(clock, monitor, caplog):
    monitor.call(SLOW, "gaffer_event", clock.pass_time, [3])
    assert caplog.messages == [
        "plugin slow (gaffer-slow 1.2): gaffer_event blocked the event loop for 3.0 s:"
        " do slow work in a task or a thread"
    ]
    assert caplog.records[0].levelname == "WARNING"


def test_short_call_is_not_reported(clock, monitor, caplog):
    monitor.call(SLOW, "gaffer_event", clock.pass_time, [0.4])
    assert caplog.messages == []


def test_each_hook_of_each_plugin_is_reported_once_a_minute(clock, monitor, caplog):
    for _ in range(119):
        monitor.call(SLOW, "gaffer_event", clock.pass_time, [1])
    monitor.call(SLOW, "gaffer_process_env", clock.pass_time, [1])
    monitor.call(OTHER, "gaffer_event", clock.pass_time, [1])
    names = [message.partition(" blocked")[0] for message in caplog.messages]
    assert names == [
        "plugin slow (gaffer-slow 1.2): gaffer_event",
        "plugin slow (gaffer-slow 1.2): gaffer_event",
        "plugin slow (gaffer-slow 1.2): gaffer_process_env",
        "plugin other: gaffer_event",
    ]


def test_inner_call_is_not_counted_for_the_outer_one(clock, monitor, caplog):
    def outer():
        clock.pass_time(0.3)
        monitor.call(SLOW, "gaffer_event", clock.pass_time, [2])
        clock.pass_time(0.1)

    monitor.call(OTHER, "gaffer_event", outer, [])
    [message] = caplog.messages
    assert message.startswith("plugin slow")
    assert "for 2.0 s" in message


def test_result_and_exception_are_those_of_the_function(clock, monitor, caplog):
    assert monitor.call(SLOW, "gaffer_event", max, [1, 2]) == 2

    def fail():
        clock.pass_time(1)
        raise LookupError

    with pytest.raises(LookupError):
        monitor.call(SLOW, "gaffer_event", fail, [])
    assert len(caplog.messages) == 1


class Sleeper:
    name = "sleeper"

    @hookimpl
    def gaffer_event(self, event):
        if event.event == "create":
            time.sleep(0.6)


async def test_kernel_reports_a_plugin_that_blocks_it(autojump_clock, caplog):
    async with open_kernel(plugins=[Sleeper()], system=FakeSystem()) as kernel:
        kernel.manager.load(JobConfig(name="web", cmd="x"))
    [message] = [each for each in caplog.messages if "blocked" in each]
    assert message.startswith("plugin sleeper: gaffer_event blocked the event loop for 0.")
