"""How a job is, in words."""

from __future__ import annotations

from gaffer_client.models import Status


def condition(status: Status) -> str:
    """Whether a job is active, and why it does not do what is wanted of it."""
    why = status.last_error or status.last_exit
    if not status.active:
        return "stopped" if status.stopped else f"stopped: {why}"
    if status.running < status.numprocesses and why:
        return f"active: {status.running} of {status.numprocesses} run, {why}"
    return "active"
