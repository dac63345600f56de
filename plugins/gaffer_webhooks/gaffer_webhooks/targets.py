"""All URLs: queues each event for those whose hooks match it, within a common quota."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec
import trio
from gaffer_kernel import Event, GafferError, StorageError

from gaffer_webhooks.delivery import Connect
from gaffer_webhooks.flusher import Flusher
from gaffer_webhooks.hook import Hook, TargetKey
from gaffer_webhooks.messages import Enqueued
from gaffer_webhooks.outbox import Outbox
from gaffer_webhooks.settings import Settings
from gaffer_webhooks.state_dir import StateDir
from gaffer_webhooks.target import Target

log = logging.getLogger(__package__)

MAX_TOTAL_BYTES = 64 * 2**20
"""Quota for the messages of all URLs, pending and dead: in memory, and about twice that on disk."""

DROP_SIZE = 64 * 2**10
"""Bytes that the fullest URL drops before the fullest one is determined again."""

# Plugins may put values into an event that JSON cannot represent: str() of them is sent.
_encode = msgspec.json.Encoder(enc_hook=str).encode


class Targets:
    """The URLs of all hooks, and the tasks that send there.

    Args:
        nursery: runs these tasks.
        flusher: flushes the outboxes.
        connect: returns how to connect to a URL.
        get_settings: returns the current settings.
        refresh: applies what a reload has changed.
        on_gone: called when a receiver responds that its URL is gone.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        flusher: Flusher,
        *,
        connect: Callable[[TargetKey], Connect],
        get_settings: Callable[[], Settings],
        refresh: Callable[[], object],
        on_gone: Callable[[TargetKey], object],
    ) -> None:
        self._targets: dict[TargetKey, Target] = {}
        self._nursery = nursery
        self._flusher = flusher
        self._connect = connect
        self._get_settings = get_settings
        self._refresh = refresh
        self._on_gone = on_gone

    def get(self, hook: Hook) -> Target:
        """Return the target of a hook."""
        return self._targets[hook.key]

    def set_hooks(self, hooks: Mapping[str, Hook], state_dir: StateDir, seq: int) -> None:
        """Replace the hooks; open and remove targets accordingly.

        Args:
            hooks: all hooks, by id.
            state_dir: the folder of the messages.
            seq: the number of an event; new hooks get the events after it.

        Raises:
            StorageError: a file cannot be read. Nothing has changed.
        """
        before = set(self._targets)
        try:
            targets = [(hook, self._get_or_open(hook, state_dir)) for hook in hooks.values()]
        except GafferError:
            for key in self._targets.keys() - before:
                self._targets.pop(key).close()
            raise
        for hook, target in targets:
            _, since = target.hooks.get(hook.id, (hook, seq))
            target.hooks[hook.id] = hook, since
        for key, target in list(self._targets.items()):
            for hook_id in [each for each in target.hooks if each not in hooks]:
                del target.hooks[hook_id]
            if not target.hooks:
                self._remove(key)
        self._enforce_quota()

    def _get_or_open(self, hook: Hook, state_dir: StateDir) -> Target:
        key = hook.key
        if key not in self._targets:
            target = Target(
                key,
                state_dir.get_journal(hook.url, trusted=hook.trusted),
                limit=self._get_settings().queue,
                on_write=self._flusher.mark_written,
                connect=self._connect(key),
                get_tries=lambda: self._get_settings().tries,
                refresh=self._refresh,
                on_gone=self._on_gone,
            )
            try:
                target.outbox.open()
            except OSError as error:
                reason = f"{target.outbox.journal.path}: cannot be read: {error.strerror}"
                raise StorageError(f"webhooks: {reason}") from None
            self._targets[key] = target
            self._nursery.start_soon(target.run, name=f"webhook {hook.id}")
        return self._targets[key]

    def _remove(self, key: TargetKey) -> None:
        target = self._targets.pop(key)
        self._flusher.remove_outbox(target.outbox)
        if len(target.outbox):
            log.info("dropping %s messages of a hook that was removed", len(target.outbox))
        target.remove()

    def enqueue(self, events: Iterable[Event]) -> None:
        """Queue events for the URLs whose hooks match them."""
        messages: dict[TargetKey, list[Enqueued]] = {}
        for event in events:
            matching = [
                key
                for key, target in self._targets.items()
                if target.matches(event.event, event.seq)
            ]
            if matching:
                name, body = str(_make_encodable(event.event)), _encode_event(event)
                for key in matching:
                    message = Enqueued(f"msg_{secrets.token_hex(12)}", name, body)
                    messages.setdefault(key, []).append(message)
        for key, some in messages.items():
            self._targets[key].outbox.enqueue(some)
        self._enforce_quota()

    def _enforce_quota(self) -> None:
        enforce_quota([target.outbox for target in self._targets.values()])

    async def wait_idle(self) -> None:
        """Wait until no worker has anything to send now."""
        for target in list(self._targets.values()):
            await target.worker.wait_idle()

    def close(self) -> None:
        """Close all targets; their files stay."""
        for target in self._targets.values():
            target.close()


def enforce_quota(outboxes: Collection[Outbox]) -> None:
    """Drop the oldest messages of the fullest outbox while all exceed the quota.

    So the messages of a URL that is down for long do not cost those of other URLs.

    Args:
        outboxes: those of all URLs.
    """
    excess = sum(each.size for each in outboxes) - MAX_TOTAL_BYTES
    while excess > 0:
        fullest = max(outboxes, key=lambda each: each.size)
        excess -= fullest.drop_oldest(min(excess, DROP_SIZE))


def _encode_event(event: Event) -> msgspec.Raw:
    """Encode an event as JSON; a field that cannot be encoded must not cost the whole message."""
    fields = event.to_dict()
    try:
        return msgspec.Raw(_encode(fields))
    except Exception as error:  # noqa: BLE001  str() of a value can run a plugin's code
        log.error("event %r is posted without all of its fields: %s", event.event, error)
        return msgspec.Raw(_encode({name: _make_encodable(each) for name, each in fields.items()}))


def _make_encodable(value: object) -> object:
    """Return a value, or the name of its type if JSON cannot represent it."""
    try:
        _encode(value)
    except Exception:  # noqa: BLE001
        return f"<{type(value).__name__}>"
    return value
