"""A kernel with the plugin under test, on fake processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
from gaffer_kernel import Config, JobConfig, Kernel, PluginInfo, Plugins, open_kernel
from gaffer_kernel.plugin import parse_command_line
from trio.testing import wait_all_tasks_blocked

from gaffer_testing.events import Events
from gaffer_testing.processes import FakeProcesses
from gaffer_testing.release import release
from gaffer_testing.setup import get_name, make_plugins

_REACTION_TIMEOUT = 1.0
"""Maximum seconds for plugins to react to events."""

_QUIET = 0.01
"""Seconds with all tasks blocked after which plugins have reacted."""


@dataclass(frozen=True, slots=True)
class Harness:
    """The plugin under test and what it needs. The attributes are those of Conformance."""

    plugin: object
    required_plugins: Sequence[object]
    config: str
    arguments: Sequence[str]
    stop_deadline: float

    def plugins(self, *more: object) -> Plugins:
        """Return the plugin under test, the required ones and more, not yet in a kernel."""
        subjects = [self.plugin, *self.required_plugins, *more]
        return make_plugins(subjects, stop_deadline=self.stop_deadline)

    def configured(self, plugins: Plugins, text: str | None = None) -> Config:
        """Return the configuration that gafferd would make of a text and the arguments.

        Raises:
            GafferError: the text is not an ini file, or a plugin failed to add its options.
        """
        config = Config.from_string(self.config if text is None else text)
        config.options.update(vars(parse_command_line(self.arguments, plugins)))
        return config

    @asynccontextmanager
    async def running(self, *more: object) -> AsyncIterator[Run]:
        """Run a kernel as gafferd would, and end the plugins that it abandons on shutdown.

        Args:
            more: further plugins.

        Raises:
            GafferError: the plugin, its configuration or its arguments are wrong.
        """
        events, processes = Events(), FakeProcesses()
        plugins = self.plugins(*more, events)
        config = self.configured(plugins)
        try:
            async with open_kernel(config, plugins=plugins, system=processes) as kernel:
                yield Run(kernel, events, processes, get_name(self.plugin))
        finally:
            await release(plugins.abandoned)


@dataclass(frozen=True, slots=True)
class Run:
    """A running kernel.

    Attributes:
        kernel, events, processes: the kernel, its events and its fake processes.
        name: the name of the plugin under test.
    """

    kernel: Kernel
    events: Events
    processes: FakeProcesses
    name: str

    @property
    def info(self) -> PluginInfo:
        """The entry of the plugin under test in the list of plugins."""
        return next(info for info in self.kernel.plugins.info() if info.name == self.name)

    async def open(self) -> None:
        """Open the plugin under test."""
        await self.kernel.plugins.open(self.name)

    async def close(self) -> None:
        """Close the plugin under test."""
        await self.kernel.plugins.close(self.name)

    async def run_job(self) -> None:
        """Load a job whose process writes and crashes, unload it, and let plugins react."""
        config = JobConfig(name="conformance", cmd="pretend", redirect_output=["stdout"])
        begun = self.events.events[-1].seq if self.events.events else 0
        job = self.kernel.manager.load(config)
        await job.settled()
        [process] = self.processes.by_program("pretend")
        process.emit("one line\n")
        process.exit(1)
        await self._wait_after(begun, "exit")
        self.kernel.manager.unload("conformance")
        await self._wait_after(begun, "delete")
        with trio.move_on_after(_REACTION_TIMEOUT):
            await wait_all_tasks_blocked(_QUIET)

    async def _wait_after(self, seq: int, event: str) -> None:
        while not any(each.event == event and each.seq > seq for each in self.events.events):
            await self.events.wait_for_any()
