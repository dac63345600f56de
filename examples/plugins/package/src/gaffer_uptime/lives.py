"""Lives: the longest uptime of each job."""

from __future__ import annotations

from collections.abc import Container

from gaffer_kernel import Event, Subscription


class Lives:
    """The longest uptime of each job.

    Args:
        ignored: names of excluded jobs.
    """

    def __init__(self, ignored: Container[str]) -> None:
        self._ignored = ignored
        self._longest: dict[str, float] = {}

    async def follow(self, exits: Subscription) -> None:
        """Record the uptime of every `exit` until cancelled."""
        async for event in exits:
            self._record(event)

    def _record(self, event: Event) -> None:
        if event.name not in self._ignored:
            before = self._longest.get(event.name, 0.0)
            self._longest[event.name] = max(before, event.data["uptime"])

    def longest(self) -> dict[str, float]:
        """Return the longest uptime of an exited process, by job, in seconds."""
        return dict(self._longest)
