"""Replaces processes that use too much memory for too long: `memory_restart`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

import trio
from gaffer_kernel import Job, Kernel, NotFound, Process

from gaffer_limits.options import LimitOptions

MAX_INTERVAL = 5.0
"""Seconds between two measurements; shorter if a job allows a short time only."""
MIN_INTERVAL = 0.2

_PAGE = os.sysconf("SC_PAGE_SIZE")


def measure_memory(os_pid: int) -> int:
    """Return the resident memory of a process and its descendants, in bytes.

    As in the samples of gaffer-stats, memory that processes share counts in each of them.
    """
    total = 0
    pending = [os_pid]
    for each in pending:
        # ENOENT, ESRCH: it has exited.
        with suppress(OSError):
            with open(f"/proc/{each}/statm", "rb") as file:
                total += int(file.read().split()[1]) * _PAGE
            pending += (child for child in _list_children(each) if child not in pending)
    return total


def _list_children(os_pid: int) -> Iterator[int]:
    for task in os.listdir(f"/proc/{os_pid}/task"):
        with suppress(OSError), open(f"/proc/{os_pid}/task/{task}/children", "rb") as file:
            yield from map(int, file.read().split())


class MemoryWatcher:
    """Measures the processes of jobs with `memory_restart`; sleeps while there are none.

    Args:
        kernel: its jobs.
        measure: returns the bytes that the process with an os pid uses, with its descendants.
    """

    def __init__(self, kernel: Kernel, measure: Callable[[int], int] = measure_memory) -> None:
        self._kernel = kernel
        self._measure = measure
        self._wake = trio.Event()
        self._above_since: dict[Process, float] = {}

    def look(self, name: str) -> None:
        """Measure again, if it sleeps and this job has the key."""
        with suppress(NotFound):
            if self._kernel.manager.get(name).options(LimitOptions).memory_restart is not None:
                self._wake.set()

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            interval = await self._check_all()
            if interval is None:
                self._above_since.clear()
                await self._wake.wait()
                self._wake = trio.Event()
            else:
                await trio.sleep(interval)

    async def _check_all(self) -> float | None:
        """Measure once; return the seconds until the next time, None if no job has the key."""
        limited = [
            (job, options)
            for job in self._kernel.manager.jobs()
            if (options := job.options(LimitOptions)).memory_restart is not None
        ]
        above: dict[Process, float] = {}
        for job, options in limited:
            for process in job.processes:
                # Each measurement reads files: other tasks run in between.
                await trio.lowlevel.checkpoint()
                if process.active and not process.stopping and not process.one_off:
                    self._check(job, process, options, above)
        self._above_since = above
        shortest = min((options.memory_restart_for for _, options in limited), default=None)
        return None if shortest is None else max(MIN_INTERVAL, min(MAX_INTERVAL, shortest / 5))

    def _check(
        self, job: Job, process: Process, options: LimitOptions, above: dict[Process, float]
    ) -> None:
        used, limit = self._measure(process.os_pid), options.memory_restart
        if limit is None or used <= limit:
            return
        now = trio.current_time()
        since = above[process] = self._above_since.get(process, now)
        if now - since >= options.memory_restart_for:
            reason = (
                f"uses {_show(used)} of memory, more than memory_restart = {_show(limit)} for"
                f" {options.memory_restart_for:g} s"
            )
            job.replace(process, reason, crash=True)


def _show(size: int) -> str:
    for unit, factor in (("G", 1024**3), ("M", 1024**2), ("K", 1024)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + unit
    return str(size)
