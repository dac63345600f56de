"""One URL: its hooks, its outbox, and the worker that sends the messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio

from gaffer_webhooks.delivery import Connect, DeliveryWorker
from gaffer_webhooks.hook import Hook, TargetKey
from gaffer_webhooks.outbox import Outbox
from gaffer_webhooks.url import parse_url


class Target:
    """Everything about one URL.

    Args:
        key: the URL and its trust.
        path: the file of its messages.
        limit: the maximum number of pending messages, and of dead letters.
        on_write: called after a write to the outbox, to schedule a flush.
        connect: opens a connection.
        get_tries: returns how often a message may be sent.
        refresh: applies what a reload has changed; called before each try.
        on_gone: called when the receiver responds that the URL is gone.

    Attributes:
        hooks: hooks by id, each with the number of the last event published before it existed.
        outbox: the messages.
        worker: the task that sends them.
    """

    def __init__(
        self,
        key: TargetKey,
        path: Path,
        *,
        limit: int,
        on_write: Callable[[Outbox], object],
        connect: Connect,
        get_tries: Callable[[], int],
        refresh: Callable[[], object],
        on_gone: Callable[[TargetKey], object],
    ) -> None:
        self.hooks: dict[str, tuple[Hook, int]] = {}
        self._refresh = refresh
        self._scope = trio.CancelScope()
        label = f"webhook {parse_url(key[0]).origin}"
        self.outbox = Outbox(label, path, limit, on_write)
        self.worker = DeliveryWorker(
            label,
            self.outbox,
            connect,
            get_secrets=self._get_secrets,
            get_limit=get_tries,
            on_gone=lambda: on_gone(key),
        )

    async def run(self) -> None:
        """Send messages until cancelled, closed or removed."""
        with self._scope:
            await self.worker.run()

    def matches(self, event: str, seq: int) -> bool:
        """Whether one of the hooks matches an event with this name and number."""
        return any(since < seq and hook.matches(event) for hook, since in self.hooks.values())

    def _get_secrets(self, event: str) -> list[str] | None:
        """Return the secrets of the hooks that match an event; None when no hook does."""
        self._refresh()
        matching = [hook for hook, _ in self.hooks.values() if hook.matches(event)]
        if not matching:
            return None
        return list(dict.fromkeys(hook.secret for hook in matching if hook.secret is not None))

    def close(self) -> None:
        """End the worker and close the file."""
        self.outbox.journal.close()
        self._scope.cancel()

    def remove(self) -> None:
        """End the worker and remove the file."""
        self.outbox.journal.remove()
        self._scope.cancel()
