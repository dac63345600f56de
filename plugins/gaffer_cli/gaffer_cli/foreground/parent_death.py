"""Cleanup of the processes if the program in the foreground is killed."""

from __future__ import annotations

from gaffer_kernel import Event, hookimpl
from gaffer_kernel.plugin import ParentDeathWatcher


class ParentDeathPlugin:
    """A plugin that registers each process, which leads a session, with a guardian.

    Args:
        guardian: kills the registered processes if this program is killed.
    """

    name = "parent_death"

    def __init__(self, guardian: ParentDeathWatcher) -> None:
        self._guardian = guardian

    @hookimpl
    def gaffer_event(self, event: Event) -> None:
        """Register processes on spawn, and remove them on exit."""
        if event.event == "spawn":
            self._guardian.watch(event.data["os_pid"])
        elif event.event == "exit":
            self._guardian.forget(event.data["os_pid"])
