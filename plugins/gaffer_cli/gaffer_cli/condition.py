"""The condition of a job, in words."""

from __future__ import annotations

from gaffer_client.models import Status


def describe_condition(status: Status) -> str:
    """Return whether a job is active, and the reason if it does not run as configured."""
    why = status.last_error or status.last_exit
    if not status.active:
        return "stopped" if status.stopped else f"stopped: {why}"
    if status.running < status.numprocesses and why:
        return f"active: {status.running} of {status.numprocesses} run, {why}"
    return "active"
