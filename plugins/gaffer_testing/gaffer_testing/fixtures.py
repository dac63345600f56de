"""The fixtures, which pytest finds by the entry point of the distribution."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest
import trio
from gaffer_kernel import Config, Kernel, open_kernel
from gaffer_kernel.plugin import LinuxSystem, System
from pytest_trio import trio_fixture  # type: ignore[import-untyped]
from trio.testing import MockClock

from gaffer_testing.calls import HookCalls
from gaffer_testing.events import Events
from gaffer_testing.processes import FakeProcesses
from gaffer_testing.setup import make_plugins


@pytest.fixture
def plugins_under_test() -> Sequence[object]:
    """The plugins of `kernel`; define a fixture with this name in your tests.

    It may hold modules, objects, classes (each kernel gets an instance) and paths of folder
    plugins.
    """
    return ()


@pytest.fixture
def kernel_config() -> Config:
    """The configuration of `kernel`, empty; define a fixture with this name to change it."""
    return Config()


@pytest.fixture
def events() -> Events:
    """The events of `kernel`: `await events.wait("exit", name="web")`."""
    return Events()


@pytest.fixture
def hook_calls() -> HookCalls:
    """The calls of hooks of the plugins under test: `hook_calls("gaffer_event")`."""
    return HookCalls()


@pytest.fixture
def fake_processes(request: pytest.FixtureRequest, autojump_clock: MockClock) -> FakeProcesses:
    """Fake processes for `kernel`, and a virtual clock: an hour passes at once.

    Without this fixture, `kernel` starts real processes.
    """
    if inspect.iscoroutinefunction(request.function):
        # pytest-trio looks for a clock among the arguments of the test only.
        run = partial(_run, autojump_clock)
        request.node.add_marker(pytest.mark.trio(run=run), append=False)
    return FakeProcesses()


def _run(virtual: MockClock, test: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    return trio.run(test, **{**options, "clock": virtual})


@pytest.fixture
def _system(request: pytest.FixtureRequest) -> System:
    if "fake_processes" in request.fixturenames:
        fake: FakeProcesses = request.getfixturevalue("fake_processes")
        return fake
    return LinuxSystem()


@trio_fixture  # type: ignore[untyped-decorator]
async def kernel(
    plugins_under_test: Sequence[object],
    kernel_config: Config,
    events: Events,
    hook_calls: HookCalls,
    _system: System,
) -> AsyncIterator[Kernel]:
    """A running kernel with the plugins under test, stopped with its processes after the test."""
    plugins = make_plugins(plugins_under_test)
    plugins.add(events)
    plugins.add(hook_calls)
    async with open_kernel(kernel_config, plugins=plugins, system=_system) as running:
        yield running
