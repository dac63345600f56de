"""The processes of one job: started one by one, told to stop, struck off when they have ended."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Any, Protocol

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.jobs.slots import Slot, Slots
from gaffer_kernel.processes.process import Process
from gaffer_kernel.system import ExitStatus, System

log = logging.getLogger(__name__)

KEPT = 4
"""Ended processes of a job whose last output is kept, for whoever asks why they ended."""


class Owner(Protocol):
    """What the instances need of their job."""

    def new_process(self, number: int) -> Process:
        """A process that has not been started yet."""

    def environ(self, number: int) -> Mapping[str, str]:
        """Variables to add to the next process."""

    def publish(self, event: str, **data: Any) -> None:
        """Publish an event of the job."""

    def post(self, message: Callable[[], None]) -> None:
        """Have a message handled in its turn."""

    def instance_ended(self, slot: Slot, process: Process, end: ExitStatus) -> None:
        """An instance has ended, by request or not; its place is empty and due now."""

    def instance_failed(self, slot: Slot, error: SpawnError) -> None:
        """An instance could not be started."""


class Instances:
    """The places of a job and the processes in them, the one-offs and those that are ending.

    Attributes:
        processes: all that have not been reaped, by pid.
        slots: the places.
        ended: the last KEPT that have been reaped and wrote what can be read, the newest last.
        last_error: why the last start failed; None after one that worked.
    """

    def __init__(self, owner: Owner, system: System, registry: dict[int, Process]) -> None:
        self.processes: dict[int, Process] = {}
        self.exited: deque[Process] = deque(maxlen=KEPT)
        self.slots = Slots()
        self.last_error: str | None = None
        self._owner = owner
        self._system = system
        self._registry = registry
        self._one_offs: deque[Process] = deque()
        self._stopping: dict[int, Process] = {}

    @property
    def ending(self) -> int:
        """How many have been told to stop and have not ended yet."""
        return len(self._stopping)

    @property
    def one_offs_waiting(self) -> bool:
        """Whether a one-off waits for its turn."""
        return bool(self._one_offs)

    # Starting

    def add_one_off(self, process: Process) -> None:
        """Start a process as soon as there is a turn, whatever else is wanted."""
        self._one_offs.append(process)

    def drop_one_offs(self) -> None:
        """Start none of those that wait for their turn."""
        while self._one_offs:
            error = SpawnError("stopped", "the job was stopped before its turn came")
            self._report_failure(self._one_offs.popleft(), error)

    def start_next(self) -> None:
        """Start a one-off, or else fill the place that is due first."""
        if self._one_offs:
            process = self._one_offs.popleft()
            self._start(process)
        elif (slot := self.slots.next_due()) is not None and slot.due <= self._system.now():
            self._fill(slot)

    def _fill(self, slot: Slot) -> None:
        process = self._owner.new_process(slot.number)
        error = self._start(process)
        retiring, slot.retiring = slot.retiring, None
        if error is None:
            slot.process = process
            if retiring is not None:
                self.stop(retiring, "reap")
        elif retiring is not None:
            # Better the old one than none.
            slot.process = retiring
        else:
            self._owner.instance_failed(slot, error)

    def _start(self, process: Process) -> SpawnError | None:
        try:
            process.spawn(self._system, self._owner.environ(process.number), self._on_exit)
        except SpawnError as error:
            self._report_failure(process, error)
            return error
        self.last_error = None
        self.processes[process.pid] = self._registry[process.pid] = process
        self._publish("spawn", process)
        return None

    def _report_failure(self, process: Process, error: SpawnError) -> None:
        if self.last_error != str(error):
            # Once, not at each of the attempts that follow.
            log.warning("%s: cannot be started: %s", process.job, error)
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

    # Stopping

    def stop(self, process: Process, event: str = "stop_pid") -> None:
        """Tell a process to end, and publish that it was told."""
        if process.active and not process.stopping:
            self._publish(event, process)
            process.terminate()
            self._stopping[process.pid] = process

    def stop_all(self) -> None:
        """Tell every process to end."""
        for process in list(self.processes.values()):
            self.stop(process)

    def kill_overdue(self, now: float) -> None:
        """Kill those whose graceful timeout is over."""
        for process in list(self._stopping.values()):
            if process.kill_at <= now:
                log.warning(
                    "%s: process %d (os pid %d) did not end in %g s: killed",
                    process.job,
                    process.pid,
                    process.os_pid,
                    process.graceful_timeout,
                )
                process.kill_now()

    def kill_ending(self) -> None:
        """Kill at once all that have been told to stop."""
        for process in list(self._stopping.values()):
            process.kill_now()

    def next_kill(self) -> float:
        """When the next graceful timeout is over, on the monotonic clock."""
        return min((process.kill_at for process in self._stopping.values()), default=inf)

    def release(self) -> None:
        """Know no more of the processes that have not been told to stop; they run on."""
        for pid, process in list(self.processes.items()):
            if not process.stopping:
                del self.processes[pid], self._registry[pid]

    # Ending

    def _on_exit(self, process: Process, end: ExitStatus) -> None:
        self._owner.post(partial(self._ended, process, end))

    def _ended(self, process: Process, end: ExitStatus) -> None:
        if self.processes.pop(process.pid, None) is None:
            return
        del self._registry[process.pid]
        if process.labels:
            self.exited.append(process)
        self._stopping.pop(process.pid, None)
        self.slots.forget_retiring(process)
        slot = self.slots.holding(process)
        if slot is not None:
            self.slots.vacate(slot, self._system.now())
        self._publish(
            "exit",
            process,
            exit_code=end.exit_code,
            term_signal=end.term_signal,
            once=process.one_off,
            uptime=round(process.uptime, 6),
        )
        if slot is not None:
            self._owner.instance_ended(slot, process, end)
