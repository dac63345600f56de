"""A job: what is wanted of one JobConfig, what runs, and the one task that brings them together.

Every verb is a message. It is handled at once when the job is at rest, else right after the message
being handled, so that a hook that calls back finds no half-done work; what is wanted is recorded before
the verb returns. The job's task keeps the times: when to start again, when to kill.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Any, Protocol

import trio

from gaffer_kernel import restart
from gaffer_kernel.errors import Closing, InvalidField, SpawnError
from gaffer_kernel.events import EventBus
from gaffer_kernel.jobconfig import JobConfig
from gaffer_kernel.names import JobName
from gaffer_kernel.process import Process, signal_number
from gaffer_kernel.scale import wanted_number
from gaffer_kernel.slots import Slot, Slots
from gaffer_kernel.system import End, System
from gaffer_kernel.turns import SpawnTurns

log = logging.getLogger(__name__)

HISTORY = 100
"""How many unexpected ends a job remembers for whoever decides on its restarts."""


class Advice(Protocol):
    """What plugins add to a job's decisions."""

    def process_env(self, job: Job, number: int) -> Mapping[str, str]:
        """Variables to add to the environment of the next process."""

    def restart_delay(self, job: Job, history: restart.History) -> float | None:
        """Seconds until the next start after an unexpected end; None for no opinion."""


class Job:
    """The instances of one JobConfig.

    Attributes:
        name: session and name; `str()` of it is the shown name.
        config: what it was loaded with.
        numprocesses: how many instances are wanted while it is active.
        processes: every process that has not been reaped, by pid: instances, those being stopped,
            and one-offs.
        last_error: why the last start failed; None after one that worked.
    """

    def __init__(
        self,
        name: JobName,
        config: JobConfig,
        *,
        system: System,
        events: EventBus,
        advice: Advice,
        turns: SpawnTurns,
        next_pid: Callable[[], int],
        registry: dict[int, Process],
        predecessor: Job | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.numprocesses = config.numprocesses
        self.processes: dict[int, Process] = {}
        self.last_error: str | None = None
        self.history: deque[restart.Exit] = deque(maxlen=HISTORY)
        self._system = system
        self._events = events
        self._advice = advice
        self._turns = turns
        self._next_pid = next_pid
        self._registry = registry
        self._predecessor = predecessor
        self._started = False
        self._unloading = False
        self._resume_at: float | None = None
        self._flapping = restart.FlapRecord()
        self._slots = Slots()
        self._commits: deque[Process] = deque()
        self._messages: deque[Callable[[], None]] = deque()
        self._handling = False
        self._wake = trio.Event()
        self._changed = trio.lowlevel.ParkingLot()
        self.gone = trio.Event()

    # Verbs

    def create(self) -> None:
        """Make itself known: the first message of a job."""
        self._post(partial(self._publish, "create"))

    def start(self) -> None:
        """Have the wanted number of instances running, and keep them alive.

        Also ends a pause or a giving up for flapping.
        """
        self._post(self._start)

    def stop(self) -> None:
        """Stop every process; none is started again until `start`. The wanted number is kept."""
        self._post(self._stop)

    def restart(self) -> None:
        """Replace every instance: its successor first, then it is stopped. Starts a stopped job."""
        self._post(self._restart)

    def reload(self) -> None:
        """Go back to the number of the configuration; stop every instance, then start it again."""
        self.numprocesses = self.config.numprocesses
        self._post(self._reload)

    def stopall(self) -> None:
        """Stop every process; an active job starts successors."""
        self._post(self._stop_processes)

    def scale(self, number: int | str) -> int:
        """Change the wanted number: `3` or `+3` adds, `-1` takes away, `=2` sets; never below zero.

        Returns:
            The number wanted from now on.

        Raises:
            InvalidField: `scale`: not such a number, or more than a job may have.
        """
        self.numprocesses = wanted_number(self.numprocesses, number)
        self._post(self._scale)
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
            Closing: the job is being unloaded.
        """
        if self._unloading:
            raise Closing(f"job {self.name} is being unloaded")
        process = self._new_process(0, once=True, environ=env, graceful_timeout=graceful_timeout)
        self._commits.append(process)
        self._post(lambda: None)
        return process.pid

    def killall(self, sig: int | str) -> None:
        """Send a signal to every process of the job, one-offs included.

        Raises:
            InvalidField: no such signal.
        """
        number = signal_number(sig)
        for process in list(self.processes.values()):
            process.kill(number)

    def update(self, config: JobConfig, *, start: bool = False) -> None:
        """Replace the configuration and every process.

        Args:
            config: of the same name; its number of processes is the wanted one from now on.
            start: start the job when it was stopped.
        """
        if config.name != self.name.name:
            raise InvalidField("name", f"cannot change from {self.name.name!r} to {config.name!r}")
        self.config = config
        self.numprocesses = config.numprocesses
        self._post(partial(self._update, start))

    def resize(self, config: JobConfig) -> None:
        """Take a configuration that differs in `numprocesses` only: scale, touch nothing else."""
        self.config = config
        self.scale(f"={config.numprocesses}")

    def unload(self) -> None:
        """Stop everything and end; `gone` is set when the last process has been reaped."""
        self._post(self._unload)

    def leave(self) -> None:
        """As `unload`, but a detached job's processes are left running, on their own from now on."""
        self._post(self._leave)

    def hurry(self) -> None:
        """Kill what is being stopped without waiting any longer."""
        for process in list(self.processes.values()):
            if process.stopping:
                process.kill_now()

    # What is known

    @property
    def active(self) -> bool:
        """Whether it keeps instances alive: started, and neither flapping nor given up."""
        return self._started and self._resume_at is None

    @property
    def starting_with(self) -> int:
        """How many starts are due or waiting."""
        return sum(slot.process is None for slot in self._slots) if self.active else 0

    @property
    def patience(self) -> float:
        """Seconds that stopping it may take: the longest graceful timeout of its processes."""
        before = self._predecessor.patience if self._predecessor is not None else 0.0
        return before + max((p.graceful_timeout for p in self.processes.values()), default=0.0)

    def pids(self) -> list[int]:
        """The pids of its processes, one-offs included, in the order of their start."""
        return list(self.processes)

    def running(self) -> list[Process]:
        """The instances that run and are to stay."""
        return [p for p in self.processes.values() if not p.once and not p.stopping]

    def info(self) -> dict[str, Any]:
        """A description, its configuration included."""
        return {
            "name": str(self.name),
            "session": self.name.session,
            "job": self.name.name,
            "active": self.active,
            "running": len(self.processes),
            "running_out": sum(process.once for process in self.processes.values()),
            "max_processes": self.numprocesses,
            "numprocesses": self.numprocesses,
            "processes": self.pids(),
            "config": self.config.to_dict(),
        }

    def status(self) -> dict[str, Any]:
        """Whether it does what is wanted of it, and if not, why."""
        return {
            "active": self.active,
            "running": len(self.processes),
            "numprocesses": self.numprocesses,
            "max_processes": self.numprocesses,
            "stopped": not self._started,
            "flapping": {
                "retries": self._flapping.retries,
                "waiting": self._resume_at is not None and self._resume_at != inf,
                "gave_up": self._resume_at == inf,
            },
            "last_error": self.last_error,
        }

    @property
    def is_settled(self) -> bool:
        """Whether as many instances run as are wanted, and nothing is being stopped."""
        wanted = self.numprocesses if self.active else 0
        stopping = any(process.stopping for process in self.processes.values())
        return len(self.running()) == wanted and not stopping and not self._commits

    async def settled(self) -> None:
        """Wait until as many instances run as are wanted. Cancelling has no effect on the job."""
        await trio.lowlevel.checkpoint()
        while not self.is_settled:
            await self._changed.park()

    # Messages

    def _post(self, message: Callable[[], None]) -> None:
        self._messages.append(message)
        if self._handling or self._predecessor is not None:
            return
        self._handling = True
        try:
            while self._messages:
                self._messages.popleft()()
                self._reconcile()
        finally:
            self._handling = False
        self._wake.set()
        self._changed.unpark_all()

    def _publish(self, event: str, **data: Any) -> None:
        self._events.publish(
            event, name=str(self.name), session=self.name.session, job=self.name.name, **data
        )

    def _publish_process(self, event: str, process: Process, **data: Any) -> None:
        self._publish(
            event,
            pid=process.pid,
            os_pid=process.os_pid,
            detach=process.config.detach,
            **data,
        )

    def _start(self) -> None:
        if self.active or self._unloading:
            return
        self._started = True
        self._resume_at = None
        self._flapping.clear()
        self._slots.fill_at(self._system.now(), forgive=True)
        self._publish("start")

    def _stop(self) -> None:
        if self._started:
            self._started = False
            self._resume_at = None
            self._publish("stop")
        self._drop_commits()
        self._stop_processes()

    def _stop_processes(self) -> None:
        for process in list(self.processes.values()):
            self._stop_one(process)

    def _stop_one(self, process: Process, event: str = "stop_pid") -> None:
        if not process.stopping and process.active:
            self._publish_process(event, process)
            process.terminate()

    def _restart(self) -> None:
        if not self.active:
            return self._start()
        self._publish("restart")
        for slot in self._slots:
            if slot.process is not None and slot.retiring is None:
                slot.retiring, slot.process = slot.process, None
                slot.due = self._system.now()
        return None

    def _reload(self) -> None:
        self._publish("update", numprocesses=self.numprocesses)
        self._stop_processes()

    def _scale(self) -> None:
        self._publish("update", numprocesses=self.numprocesses)

    def _update(self, start: bool) -> None:
        self._publish("update", numprocesses=self.numprocesses)
        self._flapping.clear()
        self._resume_at = None
        self._slots.fill_at(self._system.now(), forgive=True)
        self._stop_processes()
        if start:
            self._start()

    def _unload(self) -> None:
        self._unloading = True
        self._stop()

    def _leave(self) -> None:
        if self.config.detach:
            for pid in self.pids():
                del self.processes[pid], self._registry[pid]
        self._unload()

    # Bringing together

    def _reconcile(self) -> None:
        """Let go of surplus places, and ask for a turn when one is to be filled."""
        if self.active:
            for process in self._slots.resize(self.numprocesses, self._system.now()):
                self._stop_one(process, "reap")
        elif not self.processes:
            self._slots.resize(0, 0.0)
        if self._is_due():
            self._turns.ask(self)

    def _is_due(self) -> bool:
        if self._commits:
            return True
        slot = self._slots.next_due() if self.active else None
        return slot is not None and slot.due <= self._system.now()

    def take_turn(self) -> None:
        """Start one process, if one is still due; called when it is this job's turn."""
        self._post(self._spawn_due)

    def _spawn_due(self) -> None:
        if self._commits:
            process = self._commits.popleft()
            if (error := self._spawn(process)) is not None:
                log.warning("%s: one-off pid %d: %s", self.name, process.pid, error)
        elif self._is_due() and (slot := self._slots.next_due()) is not None:
            self._fill(slot)

    def _fill(self, slot: Slot) -> None:
        process = self._new_process(slot.number)
        if (error := self._spawn(process)) is None:
            slot.process = process
            if slot.retiring is not None:
                self._stop_one(slot.retiring, "reap")
                slot.retiring = None
        elif slot.retiring is not None:
            # Better the old one than none.
            slot.process, slot.retiring = slot.retiring, None
        else:
            self._after_failed_spawn(slot, error)

    def _new_process(
        self,
        number: int,
        *,
        once: bool = False,
        environ: Mapping[str, str] | None = None,
        graceful_timeout: float | None = None,
    ) -> Process:
        process = Process(
            self._next_pid(),
            self.name,
            self.config,
            number=number,
            once=once,
            environ=environ,
            graceful_timeout=graceful_timeout,
        )
        process.request_stop = lambda: self._post(partial(self._stop_one, process))
        return process

    def _spawn(self, process: Process) -> SpawnError | None:
        try:
            process.spawn(
                self._system,
                self._advice.process_env(self, process.number),
                lambda process, end: self._post(partial(self._ended, process, end)),
            )
        except SpawnError as error:
            self.last_error = str(error)
            self._publish_process("spawn_error", process, error=error.slug, reason=error.reason)
            return error
        self.last_error = None
        self.processes[process.pid] = self._registry[process.pid] = process
        self._publish_process("spawn", process)
        return None

    def _drop_commits(self) -> None:
        while self._commits:
            process = self._commits.popleft()
            self._publish_process(
                "spawn_error", process, error="stopped", reason="the job was stopped before its turn"
            )

    # Ends

    def _ended(self, process: Process, end: End) -> None:
        now = self._system.now()
        uptime = now - process.started_at
        del self.processes[process.pid], self._registry[process.pid]
        slot = self._slots.get(process)
        if slot is not None:
            slot.process = None
            slot.due = now
        for other in self._slots:
            if other.retiring is process:
                other.retiring = None
        self._publish_process(
            "exit",
            process,
            exit_code=end.exit_code,
            term_signal=end.term_signal,
            once=process.once,
            uptime=round(uptime, 6),
        )
        if slot is not None and not process.stopping and self.active:
            self._after_unexpected_end(
                slot, restart.Exit(slot.number, now, uptime, end.exit_code, end.term_signal)
            )

    def _after_failed_spawn(self, slot: Slot, error: SpawnError) -> None:
        now = self._system.now()
        if error.transient:
            slot.due = now + restart.retry_when_busy(self._system.random())
            return
        # The second short life in a row at the least: trying again at once would be no use.
        slot.short_lives = max(1, slot.short_lives)
        self._after_unexpected_end(slot, restart.Exit(slot.number, now, 0.0, None, 0))

    def _after_unexpected_end(self, slot: Slot, end: restart.Exit) -> None:
        self.history.append(end)
        slot.short_lives = slot.short_lives + 1 if end.uptime < restart.LONG_LIFE else 0
        delay = self._advice.restart_delay(self, tuple(self.history))
        rule = self.config.flapping
        if delay is None and rule is not None:
            delay = 0.0
            if restart.flaps(rule, self._flapping, end):
                return self._pause()
        if delay is None:
            delay = restart.backoff(slot.short_lives, self._system.random())
        slot.due = end.at + delay
        return None

    def _pause(self) -> None:
        """The job flaps: rest, or give up."""
        rule = self.config.flapping
        assert rule is not None
        gives_up = restart.gives_up(rule, self._flapping)
        self._resume_at = inf if gives_up else self._system.now() + rule.retry_in
        self._publish(
            "flap",
            retries=min(self._flapping.retries, rule.max_retry),
            retry_in=None if gives_up else rule.retry_in,
            gave_up=gives_up,
        )
        self._stop_processes()

    def _resume(self) -> None:
        self._resume_at = None
        self._flapping.ends.clear()
        self._slots.fill_at(self._system.now(), forgive=True)
        self._publish("start")

    # Time

    async def run(self) -> None:
        """Keep the job's times until it has been unloaded and its last process reaped."""
        if self._predecessor is not None:
            # Two jobs of one name never run at once: the messages wait.
            await self._predecessor.gone.wait()
            self._predecessor = None
        while not (self._unloading and not self.processes):
            self._post(self._keep_time)
            self._wake = trio.Event()
            with trio.CancelScope(deadline=self._next_time()):
                await self._wake.wait()
        self._publish("delete")
        self.gone.set()

    def _keep_time(self) -> None:
        now = self._system.now()
        for process in list(self.processes.values()):
            if process.kill_at <= now:
                log.warning(
                    "%s: process %d (os pid %d) did not end in %g s: killed",
                    self.name,
                    process.pid,
                    process.os_pid,
                    process.graceful_timeout,
                )
                process.kill_now()
        if self._resume_at is not None and self._resume_at <= now:
            self._resume()

    def _next_time(self) -> float:
        times = [process.kill_at for process in self.processes.values()]
        if self._resume_at is not None:
            times.append(self._resume_at)
        elif self.active and (slot := self._slots.next_due()) is not None:
            # A place that is due already waits for its turn, not for a time.
            if slot.due > self._system.now():
                times.append(slot.due)
        return min(times, default=inf)
