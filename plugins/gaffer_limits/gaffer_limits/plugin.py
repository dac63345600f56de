"""The plugin `limits`: the keys of jobs, and the settings of each process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from gaffer_kernel import Cgroup, Event, Job, Kernel, SpawnError, SpawnSettings, hookimpl

from gaffer_limits.hierarchy import Hierarchy, HierarchyError, find_own
from gaffer_limits.memory import MemoryWatcher
from gaffer_limits.options import CONTROLLERS, LimitOptions

_NONE = LimitOptions()


class LimitsPlugin:
    """Limits the processes of jobs."""

    name = "limits"

    def __init__(self) -> None:
        self._hierarchy: Hierarchy | None = None
        self._watcher: MemoryWatcher | None = None

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Look at the memory of a job that has started a process, or has other options."""
        if self._watcher is not None and event.event in ("spawn", "update"):
            self._watcher.look(event.name)

    @hookimpl
    def gaffer_job_options(self) -> type[LimitOptions]:
        """Add the keys."""
        return LimitOptions

    @hookimpl
    @asynccontextmanager
    async def gaffer_service(self, kernel: Kernel) -> AsyncIterator[None]:
        """Watch the memory of processes; remove empty control groups at the end."""
        self._watcher = MemoryWatcher(kernel)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watcher.run)
            yield
            nursery.cancel_scope.cancel()
        self._watcher = None
        if self._hierarchy is not None:
            self._hierarchy.close()
            self._hierarchy = None

    @hookimpl
    def gaffer_spawn_settings(self, job: Job, number: int) -> SpawnSettings | None:
        """Return the limits of a process. Raises SpawnError."""
        options = job.options(LimitOptions)
        if options == _NONE:
            return None
        return SpawnSettings(
            rlimits=options.rlimits(),
            nice=options.nice,
            cpu_affinity=options.processors(),
            oom_score_adj=options.oom_score_adj,
            umask=options.mask(),
            cgroup=self._new_group(job, number, options),
        )

    def _new_group(self, job: Job, number: int, options: LimitOptions) -> Cgroup | None:
        values = options.group_values()
        if values is None:
            return None
        controllers = [name for key, name in CONTROLLERS.items() if getattr(options, key)]
        try:
            if self._hierarchy is None:
                own = find_own()
                if own is None:
                    raise HierarchyError("cgroup v2 is no longer mounted")
                self._hierarchy = Hierarchy(own)
            name = f"{job.name.session}.{job.name.name}.{number}"
            return Cgroup(self._hierarchy.new_path(name, controllers), values)
        except HierarchyError as error:
            raise SpawnError("bad_setting", f"cgroup: {error}") from None


plugin = LimitsPlugin
