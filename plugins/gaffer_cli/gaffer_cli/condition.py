"""The condition of a job, in the same words for all verbs."""

from __future__ import annotations

from collections.abc import Iterator

from gaffer_client.models import ProcessInfo, Status

ACTIVE = "active"
COMPLETED = "completed"
FAILED = "failed"
NOT_READY = ("unready", "starting", "waiting")
"""States of instances that are also those of their job, the first one if there are several."""

SUCCESS = "exited with status 0 "
"""How the description of a successful exit begins."""

COLORS = {
    ACTIVE: "green",
    "ready": "green",
    "failing": "red",
    "failed": "red",
    "given up": "red",
    "unready": "yellow",
    "waiting": "yellow",
    "flapping": "yellow",
    "starting": "yellow",
    "stopping": "yellow",
    "restarting": "yellow",
    "stopped": "magenta",
    "completed": "cyan",
}
"""The colours of states."""


def get_state(status: Status) -> str:
    """Return the state of a job, in one word or two.

    `active`, `failing`, `unready`, `starting`, `waiting`, `flapping`, `given up`, `completed`,
    `failed` or `stopped`.
    """
    if status.stopped:
        return "stopped"
    if status.flapping.gave_up:
        return "given up"
    if status.state in (COMPLETED, FAILED):
        return status.state
    if not status.active:
        return "flapping"
    if status.failing:
        return "failing"
    states = {instance.state for instance in status.instances}
    return next((state for state in NOT_READY if state in states), ACTIVE)


def describe_condition(status: Status) -> str:
    """Return the state of a job, with the reason if it does not run as configured."""
    text = get_state(status)
    if text in NOT_READY:
        text = f"{text}: {', '.join(_unready_reasons(status, text))}"
    elif text not in (ACTIVE, COMPLETED, "stopped"):
        text = f"{text}: {', '.join(_reasons(status))}"
    if status.rollout.failure is not None:
        text = f"{text}; the last restart failed: {status.rollout.failure}"
    return text


def _unready_reasons(status: Status, state: str) -> Iterator[str]:
    if status.numprocesses > 1:
        ready = sum(instance.state == "ready" for instance in status.instances)
        yield f"{ready} of {status.numprocesses} ready"
    yield next(instance.reason for instance in status.instances if instance.state == state)


def _reasons(status: Status) -> Iterator[str]:
    if status.numprocesses > 1 and status.state != FAILED:
        yield f"{status.running} of {status.numprocesses} run"
    if why := _get_end(status) or status.last_error or status.last_exit:
        yield why
    if status.restarts:
        yield "1 restart" if status.restarts == 1 else f"{status.restarts} restarts"
    if status.next_start_in is not None and status.next_start_in > 0:
        yield f"next start in {status.next_start_in:.1f} s"


def _get_end(status: Status) -> str:
    """Return why an instance has ended for good; empty if none of a failed job has."""
    if status.state != FAILED:
        return ""
    reasons = [instance.reason for instance in status.instances if instance.state == "exited"]
    return next((reason for reason in reasons if not reason.startswith(SUCCESS)), "")


def get_instance_state(status: Status, process: ProcessInfo, healthy_after: float) -> str:
    """Return the state of a process of a job: that of its instance, but `active` if it is ready.

    Args:
        status: of the job.
        process: the process.
        healthy_after: seconds, after which the process does not count as failing.
    """
    if process.stopping:
        return "stopping"
    states = {instance.pid: instance.state for instance in status.instances}
    if (state := states.get(process.pid)) in NOT_READY:
        return state
    is_young = (process.uptime or 0.0) < healthy_after
    return "failing" if status.failing and process.number and is_young else ACTIVE
