"""Events in words, as the console and other programs show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def describe_event(event: str, name: str, data: Mapping[str, Any]) -> str:
    """Describe an event: `spawn process with pid 4711`, or `flap web: starts again in 3 s`.

    Args:
        event: the name of the event.
        name: of its job, or of another subject.
        data: its other fields.
    """
    os_pid = data.get("os_pid")
    what = f"process with pid {os_pid}" if os_pid else name
    why = _get_reason(event, data)
    return f"{event} {what}: {why}" if why else f"{event} {what}"


def _get_reason(event: str, data: Mapping[str, Any]) -> str:
    if event == "exit" and "uptime" in data:
        # Imported here because it loads the kernel, which a program that only watches can do later.
        from gaffer_kernel.plugin import describe_exit

        oom_killed = bool(data.get("oom_killed"))
        return describe_exit(
            data["exit_code"], data["term_signal"], data["uptime"], oom_killed=oom_killed
        )
    if event == "flap":
        rest: float | None = data["retry_in"]
        return "given up" if rest is None else f"starts again in {rest:g} s"
    return str(data.get("reason", ""))
