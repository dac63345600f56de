"""A kernel with the plugin under test, on processes that only pretend."""

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
from gaffer_testing.setup import make_plugins, name_of

_SETTLING = 1.0
"""Seconds that plugins get to react to what happened, at most."""

_QUIET = 0.01
"""Seconds without anything to do, after which they have."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a plugin under test needs to run. The attributes are those of Conformance."""

    plugin: object
    beside: Sequence[object]
    config: str
    arguments: Sequence[str]
    stop_deadline: float

    def plugins(self, *more: object) -> Plugins:
        """The plugin under test, those beside it and more, in no kernel yet."""
        subjects = [self.plugin, *self.beside, *more]
        return make_plugins(subjects, stop_deadline=self.stop_deadline)

    def configured(self, plugins: Plugins, text: str | None = None) -> Config:
        """The configuration that gafferd would have made of a text and the arguments.

        Raises:
            GafferError: the text is no ini file, or a plugin failed to add its options.
        """
        config = Config.from_string(self.config if text is None else text)
        config.options.update(vars(parse_command_line(self.arguments, plugins)))
        return config

    @asynccontextmanager
    async def running(self, *more: object) -> AsyncIterator[Run]:
        """Run a kernel as gafferd would. What it has to abandon at its end is ended all the same.

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
                yield Run(kernel, events, processes, name_of(self.plugin))
        finally:
            await release(plugins.abandoned)


@dataclass(frozen=True, slots=True)
class Run:
    """A kernel that runs.

    Attributes:
        kernel, events, processes: the kernel, what happens in it, what it starts.
        name: the name of the plugin under test.
    """

    kernel: Kernel
    events: Events
    processes: FakeProcesses
    name: str

    @property
    def info(self) -> PluginInfo:
        """What the kernel knows of the plugin under test."""
        return next(info for info in self.kernel.plugins.info() if info.name == self.name)

    async def open(self) -> None:
        """Open the plugin under test."""
        await self.kernel.plugins.open(self.name)

    async def close(self) -> None:
        """Close the plugin under test."""
        await self.kernel.plugins.close(self.name)

    async def live(self) -> None:
        """Let a job come and go, whose process writes, and crashes; then let plugins react."""
        wanted = JobConfig(name="conformance", cmd="pretend", redirect_output=["stdout"])
        begun = self.events.events[-1].seq if self.events.events else 0
        job = self.kernel.manager.load(wanted)
        await job.settled()
        [process] = self.processes.of("pretend")
        process.emit("one line\n")
        process.exit(1)
        await self._after(begun, "exit")
        self.kernel.manager.unload("conformance")
        await self._after(begun, "delete")
        with trio.move_on_after(_SETTLING):
            await wait_all_tasks_blocked(_QUIET)

    async def _after(self, seq: int, event: str) -> None:
        while not any(each.event == event and each.seq > seq for each in self.events.events):
            await self.events.news()
