"""The supervisor of one job: its messages, its timer, and the reconciling of wanted and running.

Every request to a job is a message. It is handled at once if no other message is being handled,
else right after that one, so that a hook that calls a verb finds no half-done work. A user's stop
therefore always beats a pending restart. The task of the supervisor is its timer: it wakes up when
a restart or a stop step is due.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import trio

from gaffer_kernel.events import EventBus
from gaffer_kernel.jobs.advice import Advice
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.exit_handler import ExitHandler
from gaffer_kernel.jobs.instances import BY_USER, Instances
from gaffer_kernel.jobs.job import Job
from gaffer_kernel.jobs.job_status import JobStatus
from gaffer_kernel.jobs.options import JobOptions
from gaffer_kernel.jobs.restart import RestartState
from gaffer_kernel.jobs.rollout import Rollouts, Wanted
from gaffer_kernel.jobs.spawn_queue import SpawnQueue
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.process import Process
from gaffer_kernel.system import System

log = logging.getLogger(__name__)

SHUTDOWN = "gaffer is shutting down"

ERROR_DELAY = 10.0
"""Seconds without a restart after an internal error."""


@dataclass(frozen=True, slots=True)
class Context:
    """State and services that all supervisors of a manager share.

    Attributes:
        system, events, advice: the operating system, the event log, the plugins.
        spawn_queue: whose turn it is to spawn a process.
        next_pid: returns gaffer's own number for a new process.
        registry: every process of every job, by pid.
    """

    system: System
    events: EventBus
    advice: Advice
    spawn_queue: SpawnQueue
    next_pid: Callable[[], int]
    registry: dict[int, Process]


class Supervisor:
    """Keeps one job as it is wanted.

    Args:
        predecessor: an unloaded job of the same name that still has processes. Messages wait until
            it is gone, because two jobs of one name never run at once.

    Attributes:
        job: the public face.
        name: session and name.
        config: the configuration of the next process.
        numprocesses: how many instances are wanted while the job is active.
        started, unloading: what was asked for; a shutdown counts as unloading.
        instances, restart_state, rollouts, status: its parts.
        gone: set when the job has been unloaded and its last process reaped.
    """

    def __init__(
        self,
        name: JobName,
        config: JobConfig,
        context: Context,
        predecessor: Supervisor | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.numprocesses = config.numprocesses
        self.started = False
        self.unloading = False
        self.gone = trio.Event()
        self._deleted = False  # unloaded on request, and not by the shutdown
        self.job = Job(self)
        self.restart_state = RestartState(name, context.system)
        self._exits = ExitHandler(self, context.advice, context.system)
        self.rollouts = Rollouts(self, context.system)
        self.status = JobStatus(self, context.system)
        self.instances = Instances(
            self,
            self._exits,
            self.rollouts,
            context.advice,
            context.system,
            context.registry,
        )
        self._context = context
        self._system = context.system
        self._predecessor = predecessor
        self._messages: deque[Callable[[], None]] = deque()
        self._handling = False
        self._is_queued = False  # for a spawn
        self._sleep = trio.CancelScope()
        self._empty = trio.Event()
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def active(self) -> bool:
        """Whether it keeps instances alive: started, neither in a flap pause nor ended."""
        return self.started and self.restart_state.allows_starts

    # Messages

    def post(self, message: Callable[[], None]) -> None:
        """Handle a message now, or right after the one being handled; none after `gone`."""
        if self.gone.is_set():
            return
        self._messages.append(message)
        if self._handling or self._predecessor is not None:
            return
        self._handling = True
        try:
            while self._messages:
                self._handle(self._messages.popleft())
        finally:
            self._handling = False
        self._sleep.deadline = self._next_time()
        self._changed.unpark_all()
        if self.unloading and not self.instances.processes:
            self._empty.set()

    def _handle(self, message: Callable[[], None]) -> None:
        try:
            message()
            self._reconcile()
        except Exception:
            # A bug in gaffer must not affect other jobs, nor be run into again without a pause.
            log.exception("%s: internal error; the job may be in a wrong state", self.name)
            self.instances.slots.delay_until(self._system.now() + ERROR_DELAY)

    def publish(self, event: str, **data: Any) -> None:
        """Publish an event of the job."""
        self._context.events.publish(
            event, name=str(self.name), session=self.name.session, job=self.name.name, **data
        )

    def create(self) -> None:
        """Publish `create`: the first message of a job."""
        self.post(partial(self.publish, "create"))

    @property
    def job_options(self) -> JobOptions:
        """The keys that plugins add to jobs."""
        return self._context.advice.job_options

    def resize(self, config: JobConfig) -> None:
        """Use a configuration for the next processes, keep those that run, and scale."""
        self.config = config
        self.job.scale(f"={config.numprocesses}")

    def shutdown(self) -> None:
        """Stop the job for good, but let the processes of a detached job run on, unsupervised.

        No `delete` is published: the job is not removed, its gafferd ends.
        """
        self.post(self._handle_shutdown)

    # Handlers of messages

    def publish_update(self) -> None:
        """Publish `update`; the reconciling that follows each message does the rest."""
        self.publish("update", numprocesses=self.numprocesses)

    def handle_start(self) -> None:
        """Become active, or for an active job: end every wait for a restart."""
        if self.unloading:
            return
        if self.active:
            self.instances.slots.reset_backoff(self._system.now())
            return
        self.started = True
        self.restart_state.reset_flapping()
        self._resume()

    def handle_stop(self, reason: str = BY_USER) -> None:
        """Become inactive, drop one-offs that have not been spawned, stop every process."""
        if self.started:
            self.started = False
            self.restart_state.resume()
            self.publish("stop")
        self.instances.cancel_one_offs()
        self.instances.stop_all(reason)

    def handle_restart(self, batch: int | str | None = None) -> None:
        """Replace every process, in batches; start an inactive job.

        A successor starts before its predecessor is stopped. But in a job with `port`, where both
        use the same port, each one is due when its predecessor has exited, unless the job or the
        request asks for a rollout.

        Args:
            batch: how many at a time; None for `restart_batch`.
        """
        if self.active:
            self.publish("restart")
            reason = "restarted by a user's request"
            batch = self.config.restart_batch if batch is None else batch
            if self.config.port is None or batch != "all" or self.config.ready_after:
                self.rollouts.begin(Wanted(self.config, self.numprocesses), reason, batch)
                return
            self.rollouts.reset()
            self.instances.stop_instances(reason)
            self.instances.slots.reset_backoff(self._system.now())
        else:
            self.handle_start()

    def handle_reload(self) -> None:
        """Stop every process; successors of an active job are due at once."""
        self.publish_update()
        self.rollouts.cancel()
        self.instances.stop_all("reloaded by a user's request")
        self.instances.slots.reset_backoff(self._system.now())

    def handle_update(self, before: Wanted, start: bool) -> None:
        """Replace every process of the old configuration; end a flap pause; start an ended job.

        With `restart_batch` or `ready_after` an active job does so by a rollout. Otherwise every
        process is stopped before its successor is started.

        Args:
            before: what a failed rollout returns to.
            start: also start a stopped job.
        """
        reason = "the configuration of the job has changed"
        self.publish_update()
        self.restart_state.reset_flapping()
        if self.active and (self.config.restart_batch != "all" or self.config.ready_after):
            self.rollouts.begin(before, reason, self.config.restart_batch)
            return
        self.rollouts.reset()
        self.instances.stop_all(reason)
        if not self.restart_state.allows_starts:
            self._resume()
        elif start:
            self.handle_start()
        self.instances.slots.reset_backoff(self._system.now())

    def handle_reconsider(self) -> None:
        """Ask the start conditions of the waiting instances again."""
        self.instances.slots.unblock(self._system.now())

    def forget_plugin(self, plugin: str) -> None:
        """Decide on starts and on readiness without a plugin that has closed."""
        self.post(partial(self.instances.forget_plugin, plugin))

    def handle_unload(self) -> None:
        """Stop for good, and publish `delete` when the last process has been reaped."""
        self._deleted = True
        self._end("the job has been unloaded")

    def _handle_shutdown(self) -> None:
        if self.config.detach:
            # Of two processes of an instance that is being replaced, only one may run on.
            self.rollouts.reset(SHUTDOWN)
            self.instances.release()
        self._end(SHUTDOWN)

    def _end(self, reason: str) -> None:
        self.unloading = True
        self.handle_stop(reason)

    def _resume(self) -> None:
        self.restart_state.resume()
        self.instances.slots.reset_backoff(self._system.now())
        self.publish("start")

    # Reconciling: after each message

    def _reconcile(self) -> None:
        """Remove surplus slots, and join the spawn queue when a slot is to be filled."""
        slots = self.instances.slots
        if self.active:
            self.rollouts.advance()
            wanted = self.rollouts.hold(self.numprocesses)
            # Clients know the ports of a job: the first ones are served for as long as any is.
            keep_lowest = self.config.port is not None
            for process in slots.resize(wanted, self._system.now(), keep_lowest=keep_lowest):
                self.rollouts.removed(process)
                self.instances.stop(process, "the job has fewer instances now", "reap")
            self._exits.check_ended()
        else:
            self.rollouts.cancel()
        if not self.started and not self.instances.processes:
            slots.resize(0, 0.0)
        if self._is_due():
            self._is_queued = True
            self._context.spawn_queue.enqueue(self)

    def _is_due(self) -> bool:
        if self.instances.has_queued_one_offs:
            return True
        slot = self.instances.slots.next_due() if self.active else None
        return slot is not None and slot.due <= self._system.now()

    def spawn_next(self) -> None:
        """Spawn one process, if one is still due; called by the spawn queue."""
        self._is_queued = False
        self.post(self._spawn_next)

    def _spawn_next(self) -> None:
        if self._is_due():
            self.instances.spawn_next()

    @property
    def is_settled(self) -> bool:
        """Whether as many instances are ready as are wanted, and none is starting or stopping."""
        instances = self.instances
        if self._messages or instances.stopping_count or instances.has_queued_one_offs:
            return False
        if self.active:
            if self.rollouts.is_running:
                return False
            return len(instances.slots) == self.numprocesses and instances.slots.are_settled
        return all(process.one_off for process in instances.processes.values())

    async def wait_settled(self) -> None:
        """Wait until `is_settled`."""
        await trio.lowlevel.checkpoint()
        while not self.is_settled:
            await self._changed.park()

    # New processes

    def new_process(self, number: int) -> Process:
        """Return a process for a slot, not yet spawned."""
        return self._new_process(number, self.config)

    def new_one_off(self, config: JobConfig) -> Process:
        """Return a one-off, not yet spawned."""
        return self._new_process(0, config)

    def _new_process(self, number: int, config: JobConfig) -> Process:
        pid = self._context.next_pid()
        process = Process(pid, self.name, config, number=number, one_off=number == 0)
        post, instances = self.post, self.instances
        process.request_stop = lambda: post(partial(instances.stop, process))
        process.report_ready = lambda *args: post(partial(instances.set_ready, process, *args))
        return process

    # Stopping

    @property
    def stop_timeout(self) -> float:
        """Seconds that stopping the job may take: the longest stop timeout of its processes.

        Unloaded jobs of the same name come first, so theirs are added.
        """
        return sum(
            max((p.stop_timeout for p in each.instances.processes.values()), default=0.0)
            for each in self._with_predecessors()
        )

    def kill_stopping(self) -> None:
        """SIGKILL every stopping process now, including those of unloaded jobs with this name."""
        for supervisor in self._with_predecessors():
            supervisor.instances.kill_stopping()

    def _with_predecessors(self) -> Iterator[Supervisor]:
        # No recursion: a name can be loaded and unloaded a thousand times while its first job is
        # still stopping.
        supervisor: Supervisor | None = self
        while supervisor is not None:
            yield supervisor
            supervisor = supervisor._predecessor

    # Time

    async def run(self) -> None:
        """Run the timer until the job has been unloaded and its last process reaped."""
        if self._predecessor is not None:
            await self._predecessor.gone.wait()
            self._predecessor = None
            self.post(lambda: None)
        while not self._empty.is_set():
            with trio.CancelScope(deadline=self._next_time()) as self._sleep:
                await self._empty.wait()
            self.post(self._handle_time)
        self.gone.set()
        if self._deleted:
            self.publish("delete")

    def _handle_time(self) -> None:
        now = self._system.now()
        self.instances.take_due_steps(now)
        resume_at = self.restart_state.resume_at
        if resume_at is not None and resume_at <= now:
            self._resume()

    def _next_time(self) -> float:
        """Return when the timer must wake up; a due slot that is in the spawn queue needs none."""
        due = inf
        if self.restart_state.resume_at is not None:
            due = self.restart_state.resume_at
        elif self.active and (slot := self.instances.slots.next_due()) is not None:
            # Not "if it is in the future": it may have become due since it was looked at.
            due = inf if self._is_queued else slot.due
        return min(due, self.instances.next_step_at(), self.rollouts.next_time())
