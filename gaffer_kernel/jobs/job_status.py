"""The status of a job: whether it runs as wanted, and if not, why."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from gaffer_kernel.jobs.instance_states import Instance, list_instances
from gaffer_kernel.system import System

if TYPE_CHECKING:
    from gaffer_kernel.jobs.supervisor import Supervisor


class JobStatus:
    """Describes one job.

    Args:
        supervisor: the supervisor of the job.
        system: the operating system.
    """

    def __init__(self, supervisor: Supervisor, system: System) -> None:
        self._supervisor = supervisor
        self._system = system

    def describe(self) -> dict[str, Any]:
        """Return the status as JSON objects show it."""
        supervisor, history = self._supervisor, self._supervisor.restart_state.history
        now, wall = self._system.now(), self._system.wall()
        return {
            "state": self.get_state(),
            "active": supervisor.active,
            "failing": self.is_failing(),
            "running": len(supervisor.instances.processes),
            "numprocesses": supervisor.numprocesses,
            "max_processes": supervisor.numprocesses,
            "stopped": not supervisor.started,
            "restarts": supervisor.restart_state.restarts,
            "flapping": supervisor.restart_state.status(),
            "rollout": supervisor.rollouts.status(),
            "last_error": supervisor.instances.last_error,
            "last_exit": str(history[-1]) if history else None,
            "next_start_in": self.next_start_in(),
            "ended": [process.pid for process in supervisor.instances.exited],
            "instances": [each.to_dict(now, wall) for each in self.list_instances()],
        }

    def is_failing(self) -> bool:
        """Return whether an instance of an active job has crashed and is not healthy again yet."""
        now = self._system.now()
        return self._supervisor.active and self._supervisor.instances.slots.is_failing(
            now, self._supervisor.config.healthy_after
        )

    def list_instances(self) -> list[Instance]:
        """Return what each instance does, and why."""
        state, paused = self._supervisor.restart_state, None
        if state.resume_at is not None:
            paused = Instance(0, None, "exited" if state.gave_up else "waiting", state.pause_reason)
        slots = self._supervisor.instances.slots if self._supervisor.started else ()
        return list_instances(slots, self._supervisor.instances.processes.values(), paused)

    def get_state(self) -> str:
        """Return `active`, `waiting`, `completed`, `failed` or `stopped`."""
        if not self._supervisor.started:
            return "stopped"
        if self._supervisor.restart_state.outcome is not None:
            return self._supervisor.restart_state.outcome.value
        is_waiting = not self._supervisor.active or self._supervisor.instances.slots.is_waiting(
            self._system.now()
        )
        return "waiting" if is_waiting else "active"

    def next_start_in(self) -> float | None:
        """Return the seconds until the next start; None when no start is pending."""
        at = self._supervisor.restart_state.resume_at
        if (
            at is None
            and self._supervisor.active
            and (slot := self._supervisor.instances.slots.next_due()) is not None
        ):
            at = slot.due
        return None if at is None or at == inf else max(0.0, at - self._system.now())
