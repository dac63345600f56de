"""The manager: the index of sessions, jobs and processes, and their common life."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import trio

from gaffer_kernel.errors import Closing, Conflict, NotFound, describe_exception
from gaffer_kernel.events import EventBus
from gaffer_kernel.jobs.advice import Advice
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.job import Job
from gaffer_kernel.jobs.spawn_queue import SpawnQueue
from gaffer_kernel.jobs.supervisor import Context, Supervisor
from gaffer_kernel.jobs.tasks import ShieldedTasks
from gaffer_kernel.names import DEFAULT_SESSION, JobName
from gaffer_kernel.processes.process import Process
from gaffer_kernel.system import System

log = logging.getLogger(__name__)

QUIET_TIMEOUT = 1.0
"""Seconds of a shutdown after which the jobs that still stop are logged."""
KILL_TIMEOUT = 10.0
"""Seconds for a process to exit after SIGKILL, before the shutdown goes on without it."""


class Manager:
    """The jobs, by session and name, and their processes, by pid.

    It works while `running` is open, and spawns processes from `start_spawning` on. Its verbs
    return at once: they record what is wanted, and the supervisors of the jobs act.

    Attributes:
        events: the events of the kernel; `async with manager.events.subscribe("exit") as events`.
    """

    def __init__(self, system: System, events: EventBus, advice: Advice) -> None:
        self.events = events
        self._system = system
        self._spawn_queue = SpawnQueue()
        self._processes: dict[int, Process] = {}
        self._context = Context(
            system=system,
            events=events,
            advice=advice,
            spawn_queue=self._spawn_queue,
            next_pid=count(1).__next__,
            registry=self._processes,
        )
        self._sessions: dict[str, dict[str, Supervisor]] = {}
        self._unloading: dict[JobName, Supervisor] = {}
        self._tasks: ShieldedTasks | None = None
        self._close_scope = trio.CancelScope()
        self._closing = False
        self._kill_at_once = False

    # Life

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Supervise as long as the block lasts; then stop every job in parallel, and wait.

        Jobs can be loaded from the beginning, but nothing is spawned before `start_spawning`.

        A failure of one of the manager's own tasks cancels the block, which then stops the jobs as
        usual.

        Cancelling the block does not cut the stopping short: it has a bound of its own, the longest
        graceful timeout plus KILL_TIMEOUT seconds. `kill_stopping` shortens it.

        Raises:
            RuntimeError: one of the manager's own tasks failed.
        """
        async with trio.open_nursery() as nursery:
            self._tasks = tasks = ShieldedTasks(nursery, self._give_up)
            tasks.start(self._system.run, "system")
            try:
                yield
            finally:
                await self._close(tasks)
                tasks.cancel()
        if tasks.failure is not None:
            raise RuntimeError(describe_exception(tasks.failure)) from tasks.failure

    def start_spawning(self) -> None:
        """Spawn the processes of the jobs from now on; inside `running`, once."""
        assert self._tasks is not None
        self._tasks.start(self._spawn_queue.run, "spawn queue")

    def _give_up(self) -> None:
        """SIGKILL every process: no exit would be noticed any longer."""
        self.kill_stopping()
        self._close_scope.cancel()

    async def _close(self, tasks: ShieldedTasks) -> None:
        self._closing = True
        supervisors = self._all_supervisors()
        with trio.move_on_after(self.stop_timeout + KILL_TIMEOUT, shield=True) as scope:
            for supervisor in supervisors:
                supervisor.shutdown()
            if self._kill_at_once or tasks.gave_up:
                self.kill_stopping()
            with self._close_scope:
                with trio.move_on_after(QUIET_TIMEOUT):
                    await _wait_gone(supervisors)
                _log_remaining(supervisors)
                await _wait_gone(supervisors)
        if scope.cancelled_caught:
            for process in self._processes.values():
                log.error(
                    "%s: process %d (os pid %d) does not exit after SIGKILL: left running",
                    process.job,
                    process.pid,
                    process.os_pid,
                )

    def _all_supervisors(self) -> list[Supervisor]:
        loaded = [each for members in self._sessions.values() for each in members.values()]
        return [*loaded, *self._unloading.values()]

    @property
    def stop_timeout(self) -> float:
        """Seconds that stopping every job may take, those being unloaded included."""
        return max((each.stop_timeout for each in self._all_supervisors()), default=0.0)

    def kill_stopping(self) -> None:
        """SIGKILL every stopping process now, and at the shutdown every process at once."""
        self._kill_at_once = True
        for supervisor in self._all_supervisors():
            supervisor.kill_stopping()

    # Jobs

    def load(
        self, config: JobConfig, session: str = DEFAULT_SESSION, *, start: bool | None = None
    ) -> Job:
        """Add a job and start it.

        Args:
            config: what to run.
            session: the group it belongs to.
            start: whether to start it; the configuration's own `start` if not given.

        Raises:
            Conflict: the session has a job of that name.
            InvalidField: an option of a plugin is unknown or wrong.
            Closing: the manager does not run yet, or is stopping.
        """
        if self._closing:
            raise Closing
        if self._tasks is None:
            raise Closing("the kernel does not run yet: load jobs while it does")
        config = self._check_options(config)
        name = JobName.parse(config.name, session)
        members = self._sessions.setdefault(session, {})
        if name.name in members:
            raise Conflict("job", name)
        supervisor = Supervisor(name, config, self._context, self._unloading.get(name))
        members[name.name] = supervisor
        supervisor.create()
        if config.start if start is None else start:
            supervisor.job.start()
        self._tasks.start(partial(self._run_supervisor, supervisor), f"job {name}")
        return supervisor.job

    def _check_options(self, config: JobConfig) -> JobConfig:
        return config.check_options(self._context.advice.job_options)

    async def _run_supervisor(self, supervisor: Supervisor) -> None:
        await supervisor.run()
        if self._unloading.get(supervisor.name) is supervisor:
            del self._unloading[supervisor.name]

    def preview(self, config: JobConfig, session: str = DEFAULT_SESSION) -> Job:
        """Return a job that is not loaded, to ask plugins about it."""
        return Supervisor(JobName.parse(config.name, session), config, self._context).job

    def unload(self, name: str | JobName) -> Job:
        """Remove a job and stop its processes; `await job.gone.wait()` for the last of them.

        The name is free at once; a job loaded under it starts when the old one is gone.

        Raises:
            NotFound: there is no such job.
        """
        supervisor = self._get_supervisor(name)
        session, short = supervisor.name
        del self._sessions[session][short]
        if not self._sessions[session]:
            del self._sessions[session]
        self._unloading[supervisor.name] = supervisor
        supervisor.job.unload()
        return supervisor.job

    def update(
        self, config: JobConfig, session: str = DEFAULT_SESSION, *, start: bool = False
    ) -> Job:
        """Replace a job's configuration, and its processes as `Job.update` does.

        Args:
            config: the new one; its name says which job.
            session: the group it belongs to.
            start: start the job if it is stopped.

        Raises:
            NotFound: there is no such job.
            InvalidField: an option of a plugin is unknown or wrong.
        """
        job = self.get(JobName.parse(config.name, session))
        job.update(config, start=start)
        return job

    def resize(self, config: JobConfig, session: str = DEFAULT_SESSION) -> Job:
        """Use a configuration for the next processes of a job, and scale it.

        No process is replaced: what differs is `numprocesses`, or applies without that.

        Args:
            config: the new one; its name says which job.
            session: the group it belongs to.

        Raises:
            NotFound: there is no such job.
            InvalidField: an option of a plugin is unknown or wrong.
        """
        supervisor = self._get_supervisor(JobName.parse(config.name, session))
        supervisor.resize(self._check_options(config))
        return supervisor.job

    def get(self, name: str | JobName) -> Job:
        """Return the job with a name such as `web`, `shop.web`, `shop/web` or `shop:web`.

        Raises:
            NotFound: there is no such job.
            InvalidField: that is no name.
        """
        return self._get_supervisor(name).job

    def _get_supervisor(self, name: str | JobName) -> Supervisor:
        parsed = name if isinstance(name, JobName) else JobName.parse(name)
        try:
            return self._sessions[parsed.session][parsed.name]
        except KeyError:
            raise NotFound("job", parsed) from None

    def jobs(self, session: str | None = None) -> list[Job]:
        """Return the jobs, of all sessions or of one, in the order in which they were loaded.

        Raises:
            NotFound: there is no such session.
        """
        if session is None:
            return [each.job for members in self._sessions.values() for each in members.values()]
        if session not in self._sessions:
            raise NotFound("session", session)
        return [each.job for each in self._sessions[session].values()]

    def sessions(self) -> list[str]:
        """Return the sessions that have jobs, in the order of their first job."""
        return list(self._sessions)

    # Processes

    def forget_plugin(self, plugin: str) -> None:
        """Decide on starts and on readiness of all jobs without a plugin that has closed."""
        for supervisor in self._all_supervisors():
            supervisor.forget_plugin(plugin)

    async def wait_spawned(self) -> None:
        """Wait until no job has a process to spawn; jobs that wait for a restart do not count."""
        await self._spawn_queue.wait_empty()

    def pids(self) -> list[int]:
        """Return the pids of all processes, in the order of their start."""
        return list(self._processes)

    def process(self, pid: int, *, exited: bool = False) -> Process:
        """Return the process with one of gaffer's own numbers.

        Args:
            pid: the number.
            exited: also find a process that has been reaped, as long as its job keeps its output.

        Raises:
            NotFound: no process has it, or it has been reaped.
        """
        if pid in self._processes:
            return self._processes[pid]
        if exited:
            for process in (each for job in self.jobs() for each in job.exited):
                if process.pid == pid:
                    return process
        raise NotFound("process", pid)

    def walk(self) -> Iterator[Process]:
        """Iterate over a copy of all processes, so that the caller may start and stop some."""
        return iter(list(self._processes.values()))


async def _wait_gone(supervisors: Iterable[Supervisor]) -> None:
    for supervisor in supervisors:
        await supervisor.gone.wait()


def _log_remaining(supervisors: Iterable[Supervisor]) -> None:
    left = [each for each in supervisors if not each.gone.is_set()]
    if left:
        names = ", ".join(str(each.name) for each in left[:5]) + (" ..." if left[5:] else "")
        stop_timeout = max(each.stop_timeout for each in left)
        log.warning("waiting for %s to end, up to %g s", names, stop_timeout)
