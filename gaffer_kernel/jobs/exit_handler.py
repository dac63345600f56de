"""ExitHandler: restarts, pauses or ends the instances of a job after their exits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.jobs.advice import Advice
from gaffer_kernel.jobs.crash_log import CrashLog
from gaffer_kernel.jobs.exits import ExitRecord, describe_exit
from gaffer_kernel.jobs.restart import Decision, RestartState, busy_delay
from gaffer_kernel.jobs.slots import Outcome, Slot
from gaffer_kernel.processes.process import Process
from gaffer_kernel.system import ExitStatus, System

if TYPE_CHECKING:
    from gaffer_kernel.jobs.supervisor import Supervisor


class ExitHandler:
    """Applies the restart rules of a job to the exits of its instances that nobody asked for.

    Args:
        supervisor: the supervisor of the job.
        advice: the plugins, which may decide on delays.
        system: the operating system.
    """

    def __init__(self, supervisor: Supervisor, advice: Advice, system: System) -> None:
        self._supervisor = supervisor
        self._advice = advice
        self._system = system
        self._crash_log = CrashLog(supervisor.name, system.now)
        self._failure = ""

    @property
    def _state(self) -> RestartState:
        return self._supervisor.restart_state

    def instance_exited(self, slot: Slot, process: Process, status: ExitStatus) -> None:
        """Apply the restart rules to an exit that nobody asked for; the slot is empty and due."""
        if not self._is_unasked(process):
            return
        record = self._get_record(process, status)
        decision = self._decide(slot, record)
        is_success = record.is_success(self._supervisor.config.success_codes)
        if decision.rule and is_success:
            self._crash_log.add_success(record)
        else:
            self._crash_log.add(process, record, decision)
        if not is_success:
            self._publish_crash(process, record, None if decision.rule else decision.delay)
        self._apply(slot, record, decision)

    def substitute_exited(self, process: Process, status: ExitStatus) -> None:
        """Report an exit that nobody asked for of one of two processes of an instance.

        The other one, its predecessor or successor, is there already: no restart follows.
        """
        if not self._is_unasked(process):
            return
        record = self._get_record(process, status)
        self._state.history.append(record)
        if not record.is_success(self._supervisor.config.success_codes):
            self._crash_log.add(process, record, None)
            self._publish_crash(process, record, None)

    def _is_unasked(self, process: Process) -> bool:
        is_asked = process.stopping and not process.counts_as_crash
        return self._supervisor.active and not is_asked

    def _publish_crash(
        self, process: Process, record: ExitRecord, next_start_in: float | None
    ) -> None:
        self._supervisor.publish(
            "crash",
            number=record.number,
            pid=process.pid,
            os_pid=process.os_pid,
            detach=process.config.detach,
            exit_code=record.exit_code,
            term_signal=record.term_signal,
            uptime=round(record.uptime, 6),
            reason=str(record),
            next_start_in=next_start_in,
        )

    def one_off_exited(self, process: Process, status: ExitStatus) -> None:
        """Log that a one-off failed."""
        if not process.stopping and (status.exit_code or status.term_signal):
            self._crash_log.add(process, self._get_record(process, status), None)

    def _get_record(self, process: Process, status: ExitStatus) -> ExitRecord:
        exit_code, term_signal = status.exit_code, status.term_signal
        reason = process.stop_reason
        if not reason and status.oom_killed and (exit_code or term_signal):
            reason = describe_exit(exit_code, term_signal, process.uptime, oom_killed=True)
        now = self._system.now()
        return ExitRecord(process.number, now, process.uptime, exit_code, term_signal, reason)

    def instance_failed(self, slot: Slot, error: SpawnError) -> None:
        """Apply the restart rules to a failed spawn, but never try again at once."""
        now = self._system.now()
        if error.transient:
            self._supervisor.instances.slots.mark_due(slot, now + busy_delay(self._system.random()))
            self._supervisor.instances.announce_waiting(slot, f"could not be started: {error}")
            return
        record = ExitRecord(slot.number, now, 0.0, None, 0, f"could not be started: {error}")
        self._apply(slot, record, self._decide(slot, record))

    def _decide(self, slot: Slot, record: ExitRecord) -> Decision:
        supervisor = self._supervisor
        advise = partial(self._advice.restart_delay, supervisor.job)
        return self._state.decide(slot, record, supervisor.config, advise)

    def _apply(self, slot: Slot, record: ExitRecord, decision: Decision) -> None:
        instances = self._supervisor.instances
        if decision.rule:
            is_success = record.is_success(self._supervisor.config.success_codes)
            reason = f"{record}: not started again: {decision.rule}"
            if not is_success:
                self._failure = reason
            instances.slots.end(slot, Outcome.COMPLETED if is_success else Outcome.FAILED, reason)
        elif decision.delay is not None:
            instances.slots.mark_due(slot, record.at + decision.delay)
            if decision.delay:
                next_start = f"next start after {decision.delay:.1f} s"
                instances.announce_waiting(slot, f"{record}: {next_start}")
        elif (rule := self._supervisor.config.flapping) is not None:
            self._supervisor.publish("flap", **self._state.pause(rule, record))
            instances.stop_all("the job is flapping")
            if self._state.gave_up:
                self._supervisor.publish("failed", reason=self._state.pause_reason)

    def check_ended(self) -> None:
        """Publish `completed` or `failed` once every instance of the active job has ended."""
        outcome = self._supervisor.instances.slots.outcome
        if outcome is None:
            return
        self._state.outcome = outcome
        if outcome is Outcome.COMPLETED:
            self._supervisor.publish("completed")
        else:
            self._supervisor.publish("failed", reason=self._failure)
