"""A plugin that declares the event `tick`, which tests publish and watch."""

from __future__ import annotations

from gaffer_kernel import Event, hookimpl


class Ticks:
    """Declares `tick` and does nothing."""

    name = "ticks"
    gaffer_events = ("tick",)

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Ignore the event."""


TICKS = Ticks()
