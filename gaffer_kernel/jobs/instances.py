"""The processes of one job: spawned one by one, stopped, and removed when they have exited."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.jobs.advice import Advice
from gaffer_kernel.jobs.exits import describe_exit
from gaffer_kernel.jobs.slots import Slot, Slots
from gaffer_kernel.processes.process import Process
from gaffer_kernel.system import ExitStatus, System

if TYPE_CHECKING:
    from gaffer_kernel.jobs.job import Job

log = logging.getLogger(__name__)

BY_USER = "stopped by a user's request"
MAX_EXITED = 4
"""Exited processes of a job whose last output is kept, so that users can see why they exited."""


class Owner(Protocol):
    """The part of the supervisor of a job that its instances use."""

    @property
    def job(self) -> Job:
        """The public face of the job."""

    def new_process(self, number: int) -> Process:
        """Return a process for a slot, not yet spawned."""

    def publish(self, event: str, **data: Any) -> None:
        """Publish an event of the job."""

    def post(self, message: Callable[[], None]) -> None:
        """Queue a message of the job."""


class Exits(Protocol):
    """Takes the exits and the failed spawns of a job."""

    def instance_exited(self, slot: Slot, process: Process, status: ExitStatus) -> None:
        """Decide what follows the exit of an instance; its slot is empty and due now."""

    def substitute_exited(self, process: Process, status: ExitStatus) -> None:
        """Take note of the exit of one of two processes of an instance; the other one is there."""

    def one_off_exited(self, process: Process, status: ExitStatus) -> None:
        """Take note of the exit of a one-off."""

    def instance_failed(self, slot: Slot, error: SpawnError) -> None:
        """Decide what follows a failed spawn."""


class Replacements(Protocol):
    """Decides when a predecessor is stopped, in a job whose instances are being replaced."""

    def spawned(self, slot: Slot) -> bool:
        """Take note of the spawn of a successor.

        Returns:
            Whether its predecessor runs on, until `stop_predecessor` is called for the slot.
        """

    def became_ready(self, slot: Slot) -> None:
        """Take note that the process of an instance is ready, as a plugin has decided."""

    def is_outdated(self, process: Process) -> bool:
        """Return whether a process is left over from a configuration that failed."""

    def spawn_failed(self, slot: Slot, error: SpawnError) -> None:
        """Take note that the process of an instance could not be started."""

    def exited(self, process: Process, reason: str) -> None:
        """Take note of the exit of any process of the job, and how it exited."""


class Instances:
    """The slots of a job and the processes in them, its one-offs, and its stopping processes.

    Attributes:
        processes: all that have not been reaped, by pid.
        slots: one for each wanted instance.
        exited: the last MAX_EXITED reaped processes whose output was read, the newest last.
        last_error: why the last spawn failed; None after one that worked.
    """

    def __init__(
        self,
        owner: Owner,
        exits: Exits,
        replacements: Replacements,
        advice: Advice,
        system: System,
        registry: dict[int, Process],
    ) -> None:
        self.processes: dict[int, Process] = {}
        self.exited: deque[Process] = deque(maxlen=MAX_EXITED)
        self.slots = Slots()
        self.last_error: str | None = None
        self._owner = owner
        self._exits = exits
        self._replacements = replacements
        self._advice = advice
        self._system = system
        self._registry = registry
        self._one_offs: deque[Process] = deque()
        self._stopping: dict[int, Process] = {}
        self._warned: set[str] = set()

    @property
    def stopping_count(self) -> int:
        """How many processes are stopping."""
        return len(self._stopping)

    @property
    def has_queued_one_offs(self) -> bool:
        """Whether a one-off is to be spawned."""
        return bool(self._one_offs)

    # Spawning

    def queue_one_off(self, process: Process) -> None:
        """Spawn a one-off at the next turn of the job, before any slot."""
        self._one_offs.append(process)

    def cancel_one_offs(self) -> None:
        """Drop the one-offs that have not been spawned; a `spawn_error` names each."""
        while self._one_offs:
            error = SpawnError("stopped", "the job was stopped before this process could start")
            self._report_failure(self._one_offs.popleft(), error)

    def spawn_next(self) -> None:
        """Spawn a one-off, or else fill the slot that is due first."""
        if self._one_offs:
            process = self._one_offs.popleft()
            self._spawn(process)
        elif (slot := self.slots.next_due()) is not None and slot.due <= self._system.now():
            self._fill(slot)

    def _fill(self, slot: Slot) -> None:
        reason = self._advice.start_condition(self._owner.job, slot.number)
        if reason is not None:
            self.slots.block(slot)
            self.announce_waiting(slot, reason, again=reason != slot.reason)
            return
        process = self._owner.new_process(slot.number)
        error = self._spawn(process)
        if error is None:
            self.slots.fill(slot, process)
            if process.readiness.begin(self._system.now(), self._advice.readiness(process)):
                self._publish_ready(slot, process)
            if not self._replacements.spawned(slot):
                self.stop_predecessor(slot)
            return
        if slot.predecessor is None:
            self._exits.instance_failed(slot, error)
        elif self._replacements.is_outdated(slot.predecessor):
            # It is better than none, but it has to go as soon as its successor can start.
            delay = process.config.restart_delay_max
            self.slots.mark_due(slot, self._system.now() + delay)
            self.announce_waiting(slot, f"could not be started: {error}")
        else:
            self.slots.restore_predecessor(slot)
        self._replacements.spawn_failed(slot, error)

    def stop_predecessor(self, slot: Slot) -> Process | None:
        """Stop the predecessor of the process in a slot, if there is one, and return it."""
        predecessor, slot.predecessor = slot.predecessor, None
        if predecessor is not None:
            self.stop(predecessor, slot.replace_reason, "reap")
        return predecessor

    def _spawn(self, process: Process) -> SpawnError | None:
        try:
            settings = self._advice.spawn_settings(self._owner.job, process.number)
            added = self._advice.process_env(self._owner.job, process.number)
            get_base = partial(self._advice.base_env, self._owner.job, process.number)
            process.spawn(self._system, added, self._on_exit, settings, get_base)
        except SpawnError as error:
            self._warn(process)
            self._report_failure(process, error)
            return error
        self._warn(process)
        self.last_error = None
        self.processes[process.pid] = self._registry[process.pid] = process
        self._publish("spawn", process)
        return None

    def _warn(self, process: Process) -> None:
        """Log the warnings of a process, each once for the job."""
        for line in process.warnings:
            if line not in self._warned:
                self._warned.add(line)
                log.warning("%s: %s", process.job, line)

    def _report_failure(self, process: Process, error: SpawnError) -> None:
        if self.last_error != str(error):
            # Logged once, not at each of the attempts that follow.
            log.warning("%s: cannot start: %s", process.job, error)
        self.last_error = str(error)
        self._publish("spawn_error", process, error=error.slug, reason=error.reason)

    def _publish(self, event: str, process: Process, **data: Any) -> None:
        self._owner.publish(
            event,
            pid=process.pid,
            os_pid=process.os_pid,
            detach=process.config.detach,
            **data,
        )

    # States

    def announce_waiting(self, slot: Slot, reason: str, *, again: bool = False) -> None:
        """Set the reason of an empty slot, and publish `waiting` if it did not wait before.

        Args:
            slot: the slot.
            reason: why it waits, for people.
            again: publish it even if it waited.
        """
        slot.reason = reason
        if again or not slot.is_announced:
            slot.is_announced = True
            self._owner.publish("waiting", number=slot.number, reason=reason)

    def set_ready(self, process: Process, ready: bool, reason: str) -> None:
        """Take the readiness of a process from a plugin, and publish a change."""
        slot = self.slots.get(process.number)
        if slot is None or process not in (slot.process, slot.predecessor) or process.stopping:
            return
        if process.readiness.set(ready, reason, self._system.now()):
            self._publish_ready(slot, process)

    def forget_plugin(self, plugin: str) -> None:
        """Decide on starts and on readiness without a plugin that has closed."""
        now = self._system.now()
        self.slots.unblock(now)
        for slot in list(self.slots):
            process = slot.process
            if process is not None and process.readiness.forget(plugin, now):
                self._publish_ready(slot, process)

    def _publish_ready(self, slot: Slot, process: Process) -> None:
        self.slots.update_ready(slot)
        readiness = process.readiness
        self._publish(readiness.state, process, number=slot.number, reason=readiness.reason)
        if readiness.is_ready and slot.process is process:
            self._replacements.became_ready(slot)

    def replace(self, process: Process, reason: str, *, crash: bool) -> None:
        """Replace the process of an instance.

        Args:
            process: it; nothing happens if it is stopping, or no instance.
            reason: why, for people.
            crash: stop it first, and apply the restart rules when it has exited; else its successor
                is started first, unless both use the same port.
        """
        slot = self.slots.get_slot(process)
        if slot is None or process.stopping:
            return
        if crash:
            process.counts_as_crash = True
            self.stop(process, reason)
        elif process.config.port is not None:
            self.stop(process, reason, "reap")
        else:
            self.slots.replace([slot.number], self._system.now(), reason)

    # Stopping

    def stop(self, process: Process, reason: str = BY_USER, event: str = "stop_pid") -> None:
        """Start to stop a process and publish the event for it; nothing if it is stopping.

        Args:
            process: one of the job.
            reason: why, for people; its `exit` event gives it again.
            event: the event to publish.
        """
        if process.active and not process.stopping:
            process.stop_reason = reason
            process.stopping_since = self._system.now()
            self._publish(event, process, reason=reason)
            process.begin_stop(self._owner.post)
            self._stopping[process.pid] = process

    def stop_all(self, reason: str = BY_USER) -> None:
        """Start to stop every process, for one reason."""
        for process in list(self.processes.values()):
            self.stop(process, reason)

    def stop_instances(self, reason: str) -> None:
        """Start to stop the process of every slot, in order to replace it when it has exited."""
        for process in self.slots.list_processes():
            self.stop(process, reason, "reap")

    def take_due_steps(self, now: float) -> None:
        """Take the next stop step of the processes for which it is due."""
        for process in list(self._stopping.values()):
            if process.next_step_at <= now:
                process.next_step()

    def kill_stopping(self) -> None:
        """SIGKILL every stopping process now."""
        for process in list(self._stopping.values()):
            process.kill_now()

    def next_step_at(self) -> float:
        """Return when the next stop step is due, on the monotonic clock."""
        return min((process.next_step_at for process in self._stopping.values()), default=inf)

    def release(self) -> None:
        """Forget the processes that are not stopping; they run on without a supervisor."""
        for pid, process in list(self.processes.items()):
            if not process.stopping:
                del self.processes[pid], self._registry[pid]

    # Exits

    def _on_exit(self, process: Process, status: ExitStatus) -> None:
        self._owner.post(partial(self._handle_exit, process, status))

    def _handle_exit(self, process: Process, status: ExitStatus) -> None:
        if self.processes.pop(process.pid, None) is None:
            return
        del self._registry[process.pid]
        if process.labels:
            self.exited.append(process)
        self._stopping.pop(process.pid, None)
        was_predecessor = self.slots.drop_predecessor(process)
        slot = self.slots.get_slot(process)
        reason = process.stop_reason or describe_exit(
            *status[:2], process.uptime, oom_killed=status.oom_killed
        )
        is_replacing = slot is not None and slot.predecessor is not None
        if slot is not None and is_replacing:
            self.slots.restore_predecessor(slot)
        elif slot is not None:
            slot.since, slot.reason = self._system.now(), reason
            self.slots.mark_due(slot, slot.since)
        self._publish(
            "exit",
            process,
            exit_code=status.exit_code,
            term_signal=status.term_signal,
            once=process.one_off,
            uptime=round(process.uptime, 6),
            asked=process.stopping and not process.counts_as_crash,
            reason=reason,
            **({"oom_killed": True} if status.oom_killed else {}),
        )
        if is_replacing or was_predecessor:
            self._exits.substitute_exited(process, status)
        elif slot is not None:
            self._exits.instance_exited(slot, process, status)
        elif process.one_off:
            self._exits.one_off_exited(process, status)
        self._replacements.exited(process, reason)
