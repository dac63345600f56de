"""Readiness: whether the process of an instance can serve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

ReadyState = Literal["starting", "ready", "unready"]


class Readiness:
    """The readiness of one process: the one place that knows when an instance is ready.

    A process is `starting` from its spawn. It is `ready` at once, unless plugins decide on that:
    then it is ready when one of them says so. Later calls of `set` move it between `ready` and
    `unready`.

    Attributes:
        state: the state.
        reason: why, for people.
        since: when the state began, on the monotonic clock.
    """

    def __init__(self) -> None:
        self.state: ReadyState = "starting"
        self.reason = "not ready yet"
        self.since = 0.0
        self._deciding: set[str] = set()

    @property
    def is_ready(self) -> bool:
        """Whether the process can serve."""
        return self.state == "ready"

    @property
    def is_decided_by_plugins(self) -> bool:
        """Whether plugins decide when the process is ready."""
        return bool(self._deciding)

    def begin(self, now: float, plugins: Iterable[str]) -> bool:
        """Begin with the spawn.

        Args:
            now: the time on the monotonic clock.
            plugins: the names of the plugins that decide when the process is ready.

        Returns:
            Whether the process is ready now.
        """
        self.since = now
        self._deciding = set(plugins)
        return not self._deciding and self.set(True, "started", now)

    def set(self, ready: bool, reason: str, now: float) -> bool:
        """Take what a plugin has found out.

        Args:
            ready: whether the process can serve; before the first True it is still starting.
            reason: why, for people.
            now: the time on the monotonic clock.

        Returns:
            Whether the state has changed; the reason changes in any case.
        """
        state: ReadyState = "ready" if ready else "unready"
        if state == "unready" and self.state == "starting":
            state = "starting"
        self.reason = reason
        if state == self.state:
            return False
        self.state, self.since = state, now
        return True

    def forget(self, plugin: str, now: float) -> bool:
        """Decide without a plugin, because it has closed.

        Returns:
            Whether the process is ready now, because no other plugin decides.
        """
        if self.state != "starting" or plugin not in self._deciding:
            return False
        self._deciding.discard(plugin)
        return not self._deciding and self.set(True, f"plugin {plugin} has closed", now)
