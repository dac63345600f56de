"""One URL: the hooks that lead there, what waits for it, and who brings it there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio

from gaffer_webhooks.delivery import Connect, Courier
from gaffer_webhooks.hook import Hook, Key
from gaffer_webhooks.messages import Added
from gaffer_webhooks.outbox import Outbox
from gaffer_webhooks.url import place_of


class Target:
    """Everything about one URL.

    Args:
        key: which.
        path: the file of its messages.
        most: how many of them may wait.
        written: told that there is something for the keeper.
        connect: how to send.
        limit: how often.
        refresh: has what a reload changed taken note of; called before each try.
        gone: called when nobody is there any more.

    Attributes:
        hooks: by id, each with the number of the last event that happened before it was there.
        outbox: what waits.
        courier: who brings it.
    """

    def __init__(
        self,
        key: Key,
        path: Path,
        *,
        most: int,
        written: Callable[[Outbox], object],
        connect: Connect,
        limit: Callable[[], int],
        refresh: Callable[[], object],
        gone: Callable[[Key], object],
    ) -> None:
        self.hooks: dict[str, tuple[Hook, int]] = {}
        self._refresh = refresh
        self._scope = trio.CancelScope()
        label = f"webhook {place_of(key[0]).origin}"
        self.outbox = Outbox(label, path, most, written)
        self.courier = Courier(
            label,
            self.outbox,
            connect,
            secrets=self._secrets,
            limit=limit,
            gone=lambda: gone(key),
        )

    async def run(self) -> None:
        """Send until it is cancelled or removed."""
        with self._scope:
            await self.courier.run()

    def wants(self, event: str, seq: int) -> bool:
        """Whether a hook wants an event of this name and number."""
        return any(since < seq and hook.wants(event) for hook, since in self.hooks.values())

    def add(self, letters: list[Added]) -> None:
        """Have messages sent."""
        self.outbox.add(letters)

    def _secrets(self, event: str) -> list[str] | None:
        """The secrets of the hooks that want an event of this name; None when there is no hook."""
        self._refresh()
        wanting = [hook for hook, _ in self.hooks.values() if hook.wants(event)]
        if not wanting:
            return None
        return list(dict.fromkeys(hook.secret for hook in wanting if hook.secret is not None))

    def close(self) -> None:
        """End it, and keep its file."""
        self.outbox.journal.close()
        self._scope.cancel()

    def remove(self) -> None:
        """End it, and remove its file."""
        self.outbox.journal.remove()
        self._scope.cancel()
