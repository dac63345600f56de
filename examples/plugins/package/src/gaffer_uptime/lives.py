"""What is known of lives."""

from __future__ import annotations

from collections.abc import Container

from gaffer_kernel import Event, Subscription


class Lives:
    """The longest life of each job.

    Args:
        ignored: names of jobs that are left out.
    """

    def __init__(self, ignored: Container[str]) -> None:
        self._ignored = ignored
        self._longest: dict[str, float] = {}

    async def listen(self, exits: Subscription) -> None:
        """Take note of every `exit` until cancelled."""
        async for event in exits:
            self._note(event)

    def _note(self, event: Event) -> None:
        if event.name not in self._ignored:
            before = self._longest.get(event.name, 0.0)
            self._longest[event.name] = max(before, event.data["uptime"])

    def longest(self) -> dict[str, float]:
        """The longest life that has ended, of each job, in seconds."""
        return dict(self._longest)
