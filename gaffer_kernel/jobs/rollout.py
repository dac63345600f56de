"""Rollouts: replace the instances of a job in batches, and return to the old ones on a failure.

The successor of an instance must be ready before its predecessor is stopped. If a successor exits,
cannot be started or is not ready in time, the rollout ends: the predecessors run on, the old
configuration counts again, and instances that were already replaced get it back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil, inf
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.instances import Instances
from gaffer_kernel.jobs.slots import Slot
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.process import Process
from gaffer_kernel.system import System

log = logging.getLogger(__name__)

READY_AFTER = 1.0
"""Seconds that a successor must live in a restart in batches, if its job does not say it."""
FAILED = "the restart failed"
"""Why processes are stopped after a failure, for people."""
SUPERSEDED = "replaced before it was ready"
"""Why a successor is stopped if another restart or change follows, for people."""


class Owner(Protocol):
    """The part of the supervisor of a job that its rollouts use.

    Attributes:
        name: session and name.
        config: the configuration of the next process.
        numprocesses: how many instances are wanted.
        instances: the instances that are replaced.
    """

    name: JobName
    config: JobConfig
    numprocesses: int
    instances: Instances

    def publish(self, event: str, **data: Any) -> None:
        """Publish an event of the job."""


class Wanted(NamedTuple):
    """A configuration of a job and a number of instances."""

    config: JobConfig
    numprocesses: int


@dataclass(slots=True)
class Rollout:
    """The state of one rollout.

    Attributes:
        before: what a failure returns to.
        target: what it leads to.
        reason: why instances are replaced, for people.
        batch_size: how many instances are replaced at a time.
        ready_after: how many seconds a successor must live to be ready.
        numbers: the instances at its start.
        ended: those that had ended for good by then.
        begun: the instances of the batches so far.
        queue: the instances that are still to be replaced, the next one last.
        unready: the instances of the current batch whose successor is not ready.
        fresh: the pids of the new processes.
        draining: the pids of the predecessors that are stopping.
        ready_at: when the successors of the current batch are ready: a heap of times and pids.
        deadline: when all of them must be ready.
    """

    before: Wanted
    target: Wanted
    reason: str
    batch_size: int
    ready_after: float
    numbers: set[int]
    ended: set[int]
    queue: list[int]
    begun: set[int] = field(default_factory=set)
    unready: set[int] = field(default_factory=set)
    fresh: set[int] = field(default_factory=set)
    draining: set[int] = field(default_factory=set)
    ready_at: list[tuple[float, int]] = field(default_factory=list)
    deadline: float = inf


def get_batch_size(batch: int | str, instances: int) -> int:
    """Return how many instances of a job are replaced at a time, at least 1.

    Args:
        batch: a number, a percentage such as `25%`, which is rounded up, or `all`.
        instances: how many there are.
    """
    if isinstance(batch, int):
        return batch
    percent = 100 if batch == "all" else int(batch.removesuffix("%"))
    return max(1, ceil(instances * percent / 100))


def get_ready_after(config: JobConfig, batch: int | str) -> float:
    """Return how many seconds a successor must live before its predecessor is stopped.

    A rollout in batches that did not wait would replace every instance by one that crashes a moment
    after its start.

    Args:
        config: of the successor.
        batch: how many instances are replaced at a time, as for `get_batch_size`.
    """
    if config.ready_after is not None:
        return config.ready_after
    return 0.0 if batch == "all" else min(READY_AFTER, config.ready_timeout)


def _is_other(config: JobConfig, rollout: Rollout) -> bool:
    """Return whether a process with this configuration must be replaced after a failure.

    It may also be that of an earlier rollout, whose replacement waits for a start condition.
    """
    return config == rollout.target.config or _differ(config, rollout.before.config)


def _differ(one: JobConfig, other: JobConfig) -> bool:
    """Return whether processes differ, apart from options that may apply without a new one."""
    return replace(one, numprocesses=other.numprocesses, options=other.options) != other


class Rollouts:
    """The rollouts of one job, one at a time.

    Attributes:
        failure: why the last rollout failed; None while one runs and after one that succeeded.
    """

    def __init__(self, owner: Owner, system: System) -> None:
        self.failure: str | None = None
        self._owner = owner
        self._system = system
        self._current: Rollout | None = None

    @property
    def is_running(self) -> bool:
        """Whether instances are being replaced."""
        return self._current is not None

    def status(self) -> dict[str, Any]:
        """Return whether a rollout runs, how many instances are left, and why the last failed."""
        current = self._current
        left = 0 if current is None else len(current.queue) + len(current.unready)
        return {"running": current is not None, "left": left, "failure": self.failure}

    def hold(self, numprocesses: int) -> int:
        """Return how many instances to keep.

        A smaller number than before counts only once the new processes are ready: they may fail.
        """
        if self._current is None:
            return numprocesses
        return max(numprocesses, self._current.before.numprocesses)

    # Begin and end

    def begin(self, before: Wanted, reason: str, batch: int | str) -> None:
        """Replace every instance by one of the configuration of the owner.

        A rollout that runs ends; this one returns to the same state as that one would.

        Args:
            before: what the job was until now.
            reason: why, for people.
            batch: how many at a time, as for `get_batch_size`.
        """
        if self._current is not None:
            before = self._current.before
            self._keep_predecessors(SUPERSEDED)
        self.failure = None
        slots = self._owner.instances.slots
        slots.reset_restarts()
        # Instances that do not run come first: they have nothing to lose.
        queue = sorted(slots, key=lambda slot: (slot.process is None, -slot.number))
        numbers = [slot.number for slot in queue]
        self._current = Rollout(
            before=before,
            target=Wanted(self._owner.config, self._owner.numprocesses),
            reason=reason,
            batch_size=get_batch_size(batch, len(numbers)),
            ready_after=get_ready_after(self._owner.config, batch),
            numbers=set(numbers),
            ended={slot.number for slot in queue if slot.outcome is not None},
            queue=numbers,
        )
        self._begin_batch(self._current)

    def cancel(self) -> None:
        """End a rollout without a result: the job stops, or changes in another way."""
        self._current = None

    def reset(self, reason: str = SUPERSEDED) -> None:
        """End a rollout without a result, and forget the last failure: the job has changed.

        Args:
            reason: why its successors that are not ready are stopped, for people.
        """
        self._keep_predecessors(reason)
        self._current = self.failure = None

    def _fail(self, current: Rollout, reason: str) -> None:
        self._keep_predecessors(FAILED)
        self._current = None
        self.failure = reason
        owner, slots = self._owner, self._owner.instances.slots
        if owner.numprocesses == current.target.numprocesses:
            owner.numprocesses = current.before.numprocesses
            for number in {slot.number for slot in slots} - current.numbers:
                self._stop(slots.remove(number), FAILED)
        if owner.config != current.before.config:
            owner.config = current.before.config
            slots.reset_restarts()
            new = [
                slot.number
                for slot in slots
                if slot.process is not None and _is_other(slot.process.config, current)
            ]
            # The new rules may have ended an instance that the old ones keep alive.
            new += [
                slot.number
                for slot in slots
                if slot.outcome is not None and slot.number in current.begun - current.ended
            ]
            slots.replace(new, self._system.now(), FAILED)
        kept = "; the old processes run on" if self._owner.instances.processes else ""
        log.warning("%s: restart failed: %s%s", owner.name, reason, kept)
        owner.publish("restart_failed", reason=reason)

    def _keep_predecessors(self, reason: str) -> None:
        """Give their slots back to the predecessors that still run; stop their successors."""
        slots = self._owner.instances.slots
        for slot in slots:
            if slot.predecessor is not None:
                successor = slot.process
                slots.restore_predecessor(slot)
                self._stop([successor] if successor is not None else [], reason)

    def _stop(self, processes: Iterable[Process], reason: str) -> None:
        for process in processes:
            self._owner.instances.stop(process, reason, "reap")

    # Progress

    def _begin_batch(self, current: Rollout) -> None:
        slots = self._owner.instances.slots
        while current.queue and len(current.unready) < current.batch_size:
            number = current.queue.pop()
            if slots.get(number) is not None:
                current.unready.add(number)
        if not current.unready:
            self._current = None
            return
        current.begun |= current.unready
        now = self._system.now()
        current.deadline = now + current.target.config.ready_timeout
        slots.replace(sorted(current.unready), now, current.reason)

    def spawned(self, slot: Slot) -> bool:
        """Return whether the predecessor in a slot runs on, until its successor is ready."""
        current = self._current
        if current is None or slot.number not in current.unready or slot.process is None:
            return False
        current.fresh.add(slot.process.pid)
        if slot.process.readiness.is_ready:
            ready_at = self._system.now() + current.ready_after
            heappush(current.ready_at, (ready_at, slot.process.pid))
        return True

    def became_ready(self, slot: Slot) -> None:
        """Take note that the successor in a slot is ready, as a plugin has decided."""
        current, process = self._current, slot.process
        if current is None or process is None or process.pid not in current.fresh:
            return
        if slot.number in current.unready:
            heappush(current.ready_at, (self._system.now(), process.pid))

    def is_outdated(self, process: Process) -> bool:
        """Return whether a process is left over from a configuration that failed."""
        return self._current is None and _differ(process.config, self._owner.config)

    def spawn_failed(self, slot: Slot, error: SpawnError) -> None:
        """End the rollout if the successor of an instance could not be started."""
        current = self._current
        if current is not None and slot.number in current.unready:
            self._fail(current, f"instance {slot.number} could not be started: {error}")

    def exited(self, process: Process, reason: str) -> None:
        """End the rollout if a new process exited that was not ready yet, or that crashed later.

        Args:
            process: any of the job.
            reason: how it exited.
        """
        current = self._current
        if current is None:
            return
        current.draining.discard(process.pid)
        is_unready = process.number in current.unready
        if process.pid in current.fresh and (is_unready or not process.stopping):
            self._fail(current, f"instance {process.number} {reason}")

    def removed(self, process: Process) -> None:
        """Take note that the job has fewer instances now: the exit of a process is no failure."""
        if self._current is not None:
            self._current.fresh.discard(process.pid)
            self._current.unready.discard(process.number)

    def advance(self) -> None:
        """Stop predecessors whose successors are ready, begin the next batch, notice a timeout."""
        while (current := self._current) is not None:
            now = self._system.now()
            while current.ready_at and current.ready_at[0][0] <= now:
                self._finish(current, heappop(current.ready_at)[1])
            if current.unready and now >= current.deadline:
                self._end_unready(current)
            elif current.unready or current.draining:
                return
            else:
                self._begin_batch(current)

    def _finish(self, current: Rollout, pid: int) -> None:
        instances = self._owner.instances
        process = instances.processes.get(pid)
        slot = None if process is None else instances.slots.get_slot(process)
        if slot is None:
            return  # The job has fewer instances now.
        current.unready.discard(slot.number)
        predecessor = instances.stop_predecessor(slot)
        if predecessor is not None:
            current.draining.add(predecessor.pid)

    def _end_unready(self, current: Rollout) -> None:
        slots = self._owner.instances.slots
        late = sorted(number for number in current.unready if slots.get(number) is not None)
        current.unready.clear()  # The others have been removed: the job has fewer instances now.
        if late:
            seconds = current.target.config.ready_timeout
            self._fail(current, f"instance {late[0]} was not ready within {seconds:g} s")

    def next_time(self) -> float:
        """Return when `advance` has something to do, on the monotonic clock."""
        current = self._current
        if current is None or not current.unready:
            return inf
        return min(current.deadline, current.ready_at[0][0] if current.ready_at else inf)
