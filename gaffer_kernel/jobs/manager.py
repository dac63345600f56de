"""Sessions -> jobs -> processes: the index of everything supervised, and its common life."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import trio

from gaffer_kernel.errors import Closing, Conflict, NotFound
from gaffer_kernel.events import EventBus
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.job import Advice, Job
from gaffer_kernel.jobs.spawn_queue import SpawnQueue
from gaffer_kernel.names import DEFAULT_SESSION, JobName
from gaffer_kernel.processes.process import Process
from gaffer_kernel.system import System

log = logging.getLogger(__name__)

QUIET_WAIT = 1.0
"""Seconds of waiting for processes at the end, before it is said for which."""
LAST_WAIT = 10.0
"""Seconds given to a process after its KILL, before the shutdown goes on without it."""


class Manager:
    """The jobs, by session and name, and their processes, by pid.

    Works while `running` is open. Its verbs return at once: they record what is wanted, and the
    jobs' tasks act.
    """

    def __init__(self, system: System, events: EventBus, advice: Advice) -> None:
        self._system = system
        self._events = events
        self._advice = advice
        self._turns = SpawnQueue()
        self._pids = count(1)
        self._sessions: dict[str, dict[str, Job]] = {}
        self._leaving: dict[JobName, Job] = {}
        self._processes: dict[int, Process] = {}
        self._nursery: trio.Nursery | None = None
        self._scopes: set[trio.CancelScope] = set()
        self._closing = False
        self._watching = True
        self._kill_at_once = False

    # Its life

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Supervise as long as the block lasts; then stop every job, all at once, and wait.

        Cancelling the block does not cut the stopping short: it has a bound of its own, the longest
        graceful timeout and LAST_WAIT seconds. `kill_stopping` shortens it.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._begin(self._watch, "system")
            self._begin(self._turns.run, "spawn turns")
            try:
                yield
            finally:
                await self._close()
                for scope in list(self._scopes):
                    scope.cancel()

    def _begin(self, function: Callable[[], Awaitable[None]], name: str) -> None:
        """Start a task that a cancelled nursery does not end: it is needed until all is stopped."""
        assert self._nursery is not None
        # Made here and not in the task: it may have to be cancelled before the task has run at all.
        scope = trio.CancelScope(shield=True)
        self._scopes.add(scope)
        self._nursery.start_soon(self._shielded, scope, function, name=name)

    # An interrupt goes to the program around us, never to one of these: without them nothing ends.
    @trio.lowlevel.enable_ki_protection
    async def _shielded(
        self, scope: trio.CancelScope, function: Callable[[], Awaitable[None]]
    ) -> None:
        try:
            with scope:
                await function()
        finally:
            self._scopes.discard(scope)

    async def _watch(self) -> None:
        self._watching = True
        try:
            await self._system.run()
        finally:
            self._watching = False

    async def _close(self) -> None:
        self._closing = True
        jobs = [*self.jobs(), *self._leaving.values()]
        with trio.move_on_after(self.stop_timeout + LAST_WAIT, shield=True) as scope:
            for job in jobs:
                job.leave()
            if self._kill_at_once or not self._watching:
                self.kill_stopping()
            if self._watching:
                with trio.move_on_after(QUIET_WAIT):
                    await _all_gone(jobs)
                _say_who_is_awaited(jobs)
                await _all_gone(jobs)
        if scope.cancelled_caught:
            for process in self._processes.values():
                log.error(
                    "%s: process %d (os pid %d) cannot be ended, left behind",
                    process.job,
                    process.pid,
                    process.os_pid,
                )

    @property
    def stop_timeout(self) -> float:
        """Seconds that stopping every job may take, those being unloaded included."""
        jobs = [*self.jobs(), *self._leaving.values()]
        return max((job.stop_timeout for job in jobs), default=0.0)

    def kill_stopping(self) -> None:
        """Kill at once whatever is being stopped, now and at the shutdown."""
        self._kill_at_once = True
        for job in [*self.jobs(), *self._leaving.values()]:
            job.kill_stopping()

    # Jobs

    def load(
        self, config: JobConfig, session: str = DEFAULT_SESSION, *, start: bool | None = None
    ) -> Job:
        """Add a job, and start it.

        Args:
            config: what to run.
            session: the group it belongs to.
            start: whether to start it; the configuration's own `start` when not given.

        Raises:
            Conflict: the session has a job of that name.
            Closing: the manager is not running, or is stopping.
        """
        if self._nursery is None or self._closing:
            raise Closing()
        name = JobName.parse(config.name, session)
        members = self._sessions.setdefault(session, {})
        if name.name in members:
            raise Conflict("job", name)
        job = members[name.name] = Job(
            name,
            config,
            system=self._system,
            events=self._events,
            advice=self._advice,
            turns=self._turns,
            next_pid=self._pids.__next__,
            registry=self._processes,
            predecessor=self._leaving.get(name),
        )
        job.create()
        if config.start if start is None else start:
            job.start()
        self._begin(partial(self._keep, job), f"job {name}")
        return job

    async def _keep(self, job: Job) -> None:
        await job.run()
        if self._leaving.get(job.name) is job:
            del self._leaving[job.name]

    def unload(self, name: str | JobName) -> Job:
        """Remove a job and stop its processes; `await job.gone.wait()` for the last of them.

        The name is free at once; a job loaded under it starts when the old one is gone.

        Raises:
            NotFound: there is no such job.
        """
        job = self.get(name)
        members = self._sessions[job.name.session]
        del members[job.name.name]
        if not members:
            del self._sessions[job.name.session]
        self._leaving[job.name] = job
        job.unload()
        return job

    def update(
        self, config: JobConfig, session: str = DEFAULT_SESSION, *, start: bool = False
    ) -> Job:
        """Replace a job's configuration and all its processes.

        Args:
            config: the new one; its name says which job.
            session: the group it belongs to.
            start: start the job when it was stopped.

        Raises:
            NotFound: there is no such job.
        """
        job = self.get(JobName.parse(config.name, session))
        job.update(config, start=start)
        return job

    def get(self, name: str | JobName) -> Job:
        """The job with a name such as `web`, `shop.web`, `shop/web` or `shop:web`.

        Raises:
            NotFound: there is no such job.
            InvalidField: that is no name.
        """
        wanted = name if isinstance(name, JobName) else JobName.parse(name)
        try:
            return self._sessions[wanted.session][wanted.name]
        except KeyError:
            raise NotFound("job", wanted) from None

    def jobs(self, session: str | None = None) -> list[Job]:
        """The jobs, of all sessions or of one, in the order they were loaded in.

        Raises:
            NotFound: there is no such session.
        """
        if session is None:
            return [job for members in self._sessions.values() for job in members.values()]
        if session not in self._sessions:
            raise NotFound("session", session)
        return list(self._sessions[session].values())

    def sessions(self) -> list[str]:
        """The sessions that have jobs, in the order they came into being."""
        return list(self._sessions)

    # Processes

    def pids(self) -> list[int]:
        """The pids of all processes, in the order of their start."""
        return list(self._processes)

    def process(self, pid: int, *, exited: bool = False) -> Process:
        """The process with one of gaffer's own numbers.

        Args:
            pid: which.
            ended: also one that has been reaped, as long as its job keeps its output.

        Raises:
            NotFound: none has it, or it has been reaped.
        """
        if pid in self._processes:
            return self._processes[pid]
        if exited:
            for process in (each for job in self.jobs() for each in job.exited):
                if process.pid == pid:
                    return process
        raise NotFound("process", pid)

    def walk(self) -> Iterator[Process]:
        """Every process; the caller may start and stop them on the way."""
        return iter(list(self._processes.values()))


async def _all_gone(jobs: Iterable[Job]) -> None:
    for job in jobs:
        await job.gone.wait()


def _say_who_is_awaited(jobs: Iterable[Job]) -> None:
    left = [job for job in jobs if not job.gone.is_set()]
    if left:
        names = ", ".join(str(job.name) for job in left[:5]) + (" ..." if left[5:] else "")
        stop_timeout = max(job.stop_timeout for job in left)
        log.warning("waiting for %s to end, up to %g s", names, stop_timeout)
