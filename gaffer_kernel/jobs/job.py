"""A job: what is wanted of one JobConfig, what runs, and the one task that brings them together.

Every verb is a message. It is handled at once when the job is at rest, else right after the message
being handled, so that a hook that calls back finds no half-done work; what is wanted is recorded
before the verb returns. The job's task keeps the times: when to start again, when to kill.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import inf
from typing import Any, Protocol

import trio

from gaffer_kernel.errors import Closing, InvalidField, SpawnError
from gaffer_kernel.events import EventBus
from gaffer_kernel.jobs import restart as rules
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.instances import Instances
from gaffer_kernel.jobs.recovery import Recovery
from gaffer_kernel.jobs.scale import wanted_number
from gaffer_kernel.jobs.slots import Slot
from gaffer_kernel.jobs.spawn_queue import SpawnQueue
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.process import Process, signal_number
from gaffer_kernel.system import ExitStatus, System

log = logging.getLogger(__name__)


class Advice(Protocol):
    """What plugins add to a job's decisions."""

    def process_env(self, job: Job, number: int) -> Mapping[str, str]:
        """Variables to add to the environment of the next process."""

    def restart_delay(self, job: Job, history: rules.History) -> float | None:
        """Seconds until the next start after an unexpected end; None for no opinion."""


class Job:
    """The instances of one JobConfig.

    Attributes:
        name: session and name; `str()` of it is the shown name.
        config: what it was loaded with.
        numprocesses: how many instances are wanted while it is active.
        gone: set when it has been unloaded and its last process reaped.
    """

    def __init__(
        self,
        name: JobName,
        config: JobConfig,
        *,
        system: System,
        events: EventBus,
        advice: Advice,
        turns: SpawnQueue,
        next_pid: Callable[[], int],
        registry: dict[int, Process],
        predecessor: Job | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.numprocesses = config.numprocesses
        self.gone = trio.Event()
        self._system = system
        self._events = events
        self._advice = advice
        self._turns = turns
        self._next_pid = next_pid
        self._predecessor = predecessor
        self._recovery = Recovery(name, system)
        self._instances = Instances(self, system, registry)
        self._started = False
        self._unloading = False
        self._messages: deque[Callable[[], None]] = deque()
        self._handling = False
        self._has_asked = False  # for a turn to start a process, and has not got it yet
        self._sleep = trio.CancelScope()
        self._empty = trio.Event()
        self._changed = trio.lowlevel.ParkingLot()

    # Verbs

    def create(self) -> None:
        """Make itself known: the first message of a job."""
        self.post(partial(self.publish, "create"))

    def start(self) -> None:
        """Have the wanted number of instances running, and keep them alive.

        Ends a pause or a giving up for flapping, and the wait for a restart, of a running job too.
        """
        self.post(self._start)

    def stop(self) -> None:
        """Stop every process; none is started again until `start`. The wanted number is kept."""
        self.post(self._stop)

    def restart(self) -> None:
        """Replace every instance: its successor first, then it is stopped. Starts a stopped job."""
        self.post(self._restart)

    def reload(self) -> None:
        """Go back to the number of the configuration; stop every instance, then start it again."""
        self.numprocesses = self.config.numprocesses
        self.post(self._reload)

    def stopall(self) -> None:
        """Stop every process; an active job starts successors."""
        self.post(self._instances.stop_all)

    def scale(self, number: int | str) -> int:
        """Change the wanted number: `3` or `+3` adds, `-1` takes away, `=2` sets; never below zero.

        Returns:
            The number wanted from now on.

        Raises:
            InvalidField: `scale`: not such a number, or more than a job may have.
        """
        self.numprocesses = wanted_number(self.numprocesses, number)
        self.post(self._publish_update)
        return self.numprocesses

    def commit(
        self, env: Mapping[str, str] | None = None, graceful_timeout: float | None = None
    ) -> int:
        """Start one process more, which is neither kept alive nor counted, active or not.

        Args:
            env: variables for it alone, over the job's own.
            graceful_timeout: seconds between TERM and KILL; None or 0 for the job's.

        Returns:
            Its pid. Should it fail to start, a `spawn_error` names that pid.

        Raises:
            InvalidField: `env` or `graceful_timeout` cannot be accepted.
            Closing: the job is being unloaded.
        """
        if self._unloading:
            raise Closing(f"job {self.name} is being unloaded")
        process = self._process(0, self.config.for_one_off(env, graceful_timeout))
        self.post(partial(self._instances.add_one_off, process))
        return process.pid

    def killall(self, sig: int | str) -> None:
        """Send a signal to every process of the job, one-offs included.

        Raises:
            InvalidField: no such signal.
        """
        number = signal_number(sig)
        for process in self.processes:
            process.kill(number)

    def update(self, config: JobConfig, *, start: bool = False) -> None:
        """Replace the configuration and every process.

        Args:
            config: of the same name; its number of processes is the wanted one from now on.
            start: start the job when it was stopped.

        Raises:
            InvalidField: `name`: it is another job's.
        """
        if config.name != self.name.name:
            raise InvalidField("name", f"cannot change from {self.name.name!r} to {config.name!r}")
        self.config = config
        self.numprocesses = config.numprocesses
        self.post(partial(self._update, start))

    def resize(self, config: JobConfig) -> None:
        """Take a configuration that differs in `numprocesses` only: scale, touch nothing else."""
        self.config = config
        self.scale(f"={config.numprocesses}")

    def unload(self) -> None:
        """Stop everything and end; `gone` is set when the last process has been reaped."""
        self.post(self._unload)

    def leave(self) -> None:
        """As `unload`, but the processes of a detached job run on, on their own from now on."""
        self.post(self._leave)

    def kill_stopping(self) -> None:
        """Kill what is being stopped without waiting any longer, also what had its name before."""
        for job in self._line():
            job._instances.kill_ending()

    # What is known

    @property
    def active(self) -> bool:
        """Whether it keeps instances alive: started, and neither flapping nor given up."""
        return self._started and self._recovery.resume_at is None

    @property
    def history(self) -> Sequence[rules.Exit]:
        """The latest unexpected ends of instances, the newest last."""
        return self._recovery.history

    @property
    def restarts(self) -> int:
        """How many of its processes have ended unasked and got, or will get, a successor."""
        return self._recovery.restarts

    @property
    def processes(self) -> list[Process]:
        """Its processes that have not been reaped, one-offs and ending ones included."""
        return list(self._instances.processes.values())

    @property
    def exited(self) -> Sequence[Process]:
        """Its last processes that have been reaped, the newest last: the few whose output is kept.

        None whose output nobody redirected.
        """
        return self._instances.exited

    @property
    def stop_timeout(self) -> float:
        """Seconds that stopping it may take: the longest graceful timeout of its processes."""
        return sum(
            max((process.graceful_timeout for process in job.processes), default=0.0)
            for job in self._line()
        )

    def _line(self) -> Iterator[Job]:
        # No recursion: a name can change hands a thousand times while its first job is ending.
        job: Job | None = self
        while job is not None:
            yield job
            job = job._predecessor

    def pids(self) -> list[int]:
        """The pids of its processes, one-offs included, in the order of their start."""
        return list(self._instances.processes)

    def info(self) -> dict[str, Any]:
        """A description, its configuration included."""
        return {
            "name": str(self.name),
            "session": self.name.session,
            "job": self.name.name,
            "active": self.active,
            "running": len(self._instances.processes),
            "running_out": sum(process.one_off for process in self.processes),
            "max_processes": self.numprocesses,
            "numprocesses": self.numprocesses,
            "processes": self.pids(),
            "config": self.config.to_dict(),
        }

    def status(self) -> dict[str, Any]:
        """Whether it does what is wanted of it, and if not, why."""
        return {
            "active": self.active,
            "running": len(self._instances.processes),
            "numprocesses": self.numprocesses,
            "max_processes": self.numprocesses,
            "stopped": not self._started,
            "restarts": self.restarts,
            "flapping": self._recovery.status(),
            "last_error": self._instances.last_error,
            "last_exit": str(self.history[-1]) if self.history else None,
            "next_start_in": self._next_start(),
            "ended": [process.pid for process in self.exited],
        }

    def _next_start(self) -> float | None:
        """Seconds until something is started again; None when nothing waits for that."""
        at = self._recovery.resume_at
        if at is None and self.active and (slot := self._instances.slots.next_due()) is not None:
            at = slot.due
        return None if at is None or at == inf else max(0.0, at - self._system.now())

    @property
    def is_settled(self) -> bool:
        """Whether as many instances run as are wanted, and nothing is being started or stopped."""
        instances = self._instances
        if self._messages or instances.ending or instances.one_offs_waiting:
            return False
        if self.active:
            return len(instances.slots) == self.numprocesses and not instances.slots.next_due()
        return all(process.one_off for process in self.processes)

    async def settled(self) -> None:
        """Wait until as many instances run as are wanted. Cancelling has no effect on the job."""
        await trio.lowlevel.checkpoint()
        while not self.is_settled:
            await self._changed.park()

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
        if self._unloading and not self._instances.processes:
            self._empty.set()

    def _handle(self, message: Callable[[], None]) -> None:
        try:
            message()
            self._reconcile()
        except Exception:
            # A defect of ours must not take the other jobs with it, nor be tried without a pause.
            log.exception("%s: a defect of gaffer; this job may not do as it is told", self.name)
            self._instances.slots.postpone(self._system.now() + rules.MAX_DELAY)

    def publish(self, event: str, **data: Any) -> None:
        """Publish an event of this job."""
        self._events.publish(
            event, name=str(self.name), session=self.name.session, job=self.name.name, **data
        )

    def _publish_update(self) -> None:
        self.publish("update", numprocesses=self.numprocesses)

    def _start(self) -> None:
        if self._unloading:
            return
        if self.active:
            self._instances.slots.forgive(self._system.now())
            return
        self._started = True
        self._recovery.forgive()
        self._resume()

    def _stop(self) -> None:
        if self._started:
            self._started = False
            self._recovery.resume_at = None
            self.publish("stop")
        self._instances.drop_one_offs()
        self._instances.stop_all()

    def _restart(self) -> None:
        if self.active:
            self.publish("restart")
            self._instances.slots.retire_all(self._system.now())
            self._instances.slots.forgive(self._system.now())
        else:
            self._start()

    def _reload(self) -> None:
        self._publish_update()
        self._instances.stop_all()
        self._instances.slots.forgive(self._system.now())

    def _update(self, start: bool) -> None:
        self._publish_update()
        self._recovery.forgive()
        self._instances.stop_all()
        if self._recovery.resume_at is not None:
            self._resume()
        elif start:
            self._start()
        self._instances.slots.forgive(self._system.now())

    def _unload(self) -> None:
        self._unloading = True
        self._stop()

    def _leave(self) -> None:
        if self.config.detach:
            self._instances.release()
        self._unload()

    # Bringing together what is wanted and what runs

    def _reconcile(self) -> None:
        """Let go of surplus places, and ask for a turn when one is to be filled."""
        slots = self._instances.slots
        if self.active:
            for process in slots.resize(self.numprocesses, self._system.now()):
                self._instances.stop(process, "reap")
        elif not self._instances.processes:
            slots.resize(0, 0.0)
        if self._is_due():
            self._has_asked = True
            self._turns.ask(self)

    def _is_due(self) -> bool:
        if self._instances.one_offs_waiting:
            return True
        slot = self._instances.slots.next_due() if self.active else None
        return slot is not None and slot.due <= self._system.now()

    def take_turn(self) -> None:
        """Start one process, if one is still due; called when it is this job's turn."""
        self._has_asked = False
        self.post(self._start_one)

    def _start_one(self) -> None:
        if self._is_due():
            self._instances.start_next()

    def _process(self, number: int, config: JobConfig) -> Process:
        process = Process(self._next_pid(), self.name, config, number=number, one_off=number == 0)
        process.request_stop = lambda: self.post(partial(self._instances.stop, process))
        return process

    # What the instances ask and tell

    def new_process(self, number: int) -> Process:
        """The next process for a place."""
        return self._process(number, self.config)

    def environ(self, number: int) -> Mapping[str, str]:
        """What plugins add to its environment."""
        return self._advice.process_env(self, number)

    def instance_ended(self, slot: Slot, process: Process, end: ExitStatus) -> None:
        """An instance is gone: if nobody asked it to, the rules say when it is started again."""
        if process.stopping or not self.active:
            return
        self._after_unexpected_end(
            slot,
            rules.Exit(
                slot.number, self._system.now(), process.uptime, end.exit_code, end.term_signal
            ),
        )

    def instance_failed(self, slot: Slot, error: SpawnError) -> None:
        """An instance could not be started: the same rules, but never at once."""
        now = self._system.now()
        if error.transient:
            delay = rules.retry_when_busy(self._system.random())
            self._instances.slots.vacate(slot, now + delay)
            return
        slot.short_lives = max(1, slot.short_lives)
        self._after_unexpected_end(slot, rules.Exit(slot.number, now, 0.0, None, 0))

    def _after_unexpected_end(self, slot: Slot, end: rules.Exit) -> None:
        rule = self.config.flapping
        advise = partial(self._advice.restart_delay, self)
        delay = self._recovery.after(slot, end, rule, advise)
        if delay is not None:
            self._instances.slots.vacate(slot, end.at + delay)
        elif rule is not None:
            self.publish("flap", **self._recovery.rest(rule, end))
            self._instances.stop_all()

    def _resume(self) -> None:
        self._recovery.resume()
        self._instances.slots.forgive(self._system.now())
        self.publish("start")

    # Time

    async def run(self) -> None:
        """Keep the job's times until it has been unloaded and its last process reaped."""
        if self._predecessor is not None:
            # Two jobs of one name never run at once: the messages wait.
            await self._predecessor.gone.wait()
            self._predecessor = None
            self.post(lambda: None)
        while not self._empty.is_set():
            with trio.CancelScope(deadline=self._next_time()) as self._sleep:
                await self._empty.wait()
            self.post(self._keep_time)
        self.gone.set()
        self.publish("delete")

    def _keep_time(self) -> None:
        now = self._system.now()
        self._instances.kill_overdue(now)
        if self._recovery.resume_at is not None and self._recovery.resume_at <= now:
            self._resume()

    def _next_time(self) -> float:
        """When something is to be done without a message; what waits for its turn is not."""
        due = inf
        if self._recovery.resume_at is not None:
            due = self._recovery.resume_at
        elif self.active and (slot := self._instances.slots.next_due()) is not None:
            # Not "if it is in the future": it may have become due since we looked.
            due = inf if self._has_asked else slot.due
        return min(due, self._instances.next_kill())
