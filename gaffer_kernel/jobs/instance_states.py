"""Instance: the state of one instance of a job, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

from gaffer_kernel.jobs.slots import Slot
from gaffer_kernel.processes.process import Process

InstanceState = Literal["waiting", "starting", "ready", "unready", "stopping", "exited"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a job, or a former one that is stopping.

    Attributes:
        number: the number of the instance, from 1.
        process: its process; None if it is waiting or has exited.
        state: `waiting` for a time or a condition, `starting` (spawned, not ready), `ready`,
            `unready`, `stopping`, or `exited` for good.
        reason: why, for people.
        since: when the state began, on the monotonic clock.
    """

    number: int
    process: Process | None
    state: InstanceState
    reason: str
    since: float = 0.0

    def to_dict(self, now: float, wall: float) -> dict[str, Any]:
        """Return the instance as JSON objects show it.

        Args:
            now, wall: the present time, on the monotonic clock and in seconds since the epoch.
        """
        return {
            "number": self.number,
            "pid": None if self.process is None else self.process.pid,
            "os_pid": None if self.process is None else self.process.os_pid,
            "state": self.state,
            "reason": self.reason,
            "since": round(wall - (now - self.since), 3),
        }


def list_instances(
    slots: Iterable[Slot], processes: Iterable[Process], paused: Instance | None
) -> list[Instance]:
    """Return the instances of a job by number; processes that are replaced come first.

    Args:
        slots: the slots of the job.
        processes: its processes.
        paused: shown for empty slots of a job that pauses or has given up.
    """
    running = (_describe_process(process) for process in processes if not process.one_off)
    empty = (_describe_empty(slot, paused) for slot in slots if slot.process is None)
    return sorted([*running, *empty], key=_get_order)


def _describe_process(process: Process) -> Instance:
    readiness = process.readiness
    if process.stopping:
        since = process.stopping_since
        return Instance(process.number, process, "stopping", process.stop_reason, since)
    return Instance(process.number, process, readiness.state, readiness.reason, readiness.since)


def _describe_empty(slot: Slot, paused: Instance | None) -> Instance:
    if slot.outcome is not None:
        return Instance(slot.number, None, "exited", slot.reason, slot.since)
    if paused is not None:
        return Instance(slot.number, None, paused.state, paused.reason, slot.since)
    return Instance(slot.number, None, "waiting", slot.reason, slot.since)


def _get_order(instance: Instance) -> tuple[int, float]:
    return instance.number, inf if instance.process is None else instance.process.pid
