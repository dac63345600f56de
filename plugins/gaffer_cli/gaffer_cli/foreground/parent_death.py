"""What the guardian of a program in the foreground has to know."""

from __future__ import annotations

from gaffer_kernel import Event, hookimpl
from gaffer_kernel.plugin import ParentDeathWatcher


class Guarded:
    """A plugin that tells a guardian which processes run: each leads a session.

    Args:
        guardian: ends them if this program is killed.
    """

    name = "guarded"

    def __init__(self, guardian: ParentDeathWatcher) -> None:
        self._guardian = guardian

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Tell it of those that come and go."""
        if event.event == "spawn":
            self._guardian.watch(event.data["os_pid"])
        elif event.event == "exit":
            self._guardian.forget(event.data["os_pid"])
