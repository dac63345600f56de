"""All URLs: each event goes to those whose hooks want it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping

import msgspec
import trio
from gaffer_kernel import Event, GafferError

from gaffer_webhooks.delivery import Connect
from gaffer_webhooks.flusher import Keeper
from gaffer_webhooks.hook import Hook, Key
from gaffer_webhooks.messages import Added
from gaffer_webhooks.room import make_room
from gaffer_webhooks.settings import Settings
from gaffer_webhooks.state_dir import Folder
from gaffer_webhooks.target import Target

log = logging.getLogger(__package__)

# Plugins may put into an event what JSON has no word for: its text is sent.
_encode = msgspec.json.Encoder(enc_hook=str).encode


class Targets:
    """The URLs of all hooks, and the tasks that send there.

    Args:
        nursery: of these tasks.
        keeper: who brings it all onto the disk.
        connect: how to send to a URL.
        settings: those of the file as it is now.
        refresh: has what a reload changed taken note of.
        gone: called when nobody is at a URL any more.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        keeper: Keeper,
        *,
        connect: Callable[[Key], Connect],
        settings: Callable[[], Settings],
        refresh: Callable[[], object],
        gone: Callable[[Key], object],
    ) -> None:
        self._targets: dict[Key, Target] = {}
        self._nursery = nursery
        self._keeper = keeper
        self._connect = connect
        self._settings = settings
        self._refresh = refresh
        self._gone = gone

    def of(self, hook: Hook) -> Target:
        """Where a hook leads."""
        return self._targets[hook.key]

    def lead(self, hooks: Mapping[str, Hook], folder: Folder, seq: int) -> None:
        """Have these hooks, by id, and no others.

        Args:
            hooks: those that are wanted.
            folder: where messages are kept.
            seq: the number of an event; new hooks are for those after it.

        Raises:
            GafferError: a file cannot be read. Nothing has changed.
        """
        before = set(self._targets)
        try:
            targets = [(hook, self._target(hook, folder)) for hook in hooks.values()]
        except GafferError:
            for key in self._targets.keys() - before:
                self._targets.pop(key).close()
            raise
        for hook, target in targets:
            hooks_there = target.hooks
            _, since = hooks_there.get(hook.id, (hook, seq))
            hooks_there[hook.id] = hook, since
        for key, target in list(self._targets.items()):
            for gone in [name for name in target.hooks if name not in hooks]:
                del target.hooks[gone]
            if not target.hooks:
                self._remove(key)
        self._make_room()

    def _target(self, hook: Hook, folder: Folder) -> Target:
        key = hook.key
        if key not in self._targets:
            target = Target(
                key,
                folder.journal(hook.url, trusted=hook.trusted),
                most=self._settings().queue,
                written=self._keeper.written,
                connect=self._connect(key),
                limit=lambda: self._settings().tries,
                refresh=self._refresh,
                gone=self._gone,
            )
            try:
                target.outbox.open()
            except OSError as error:
                reason = f"{target.outbox.journal.path}: {error.strerror}"
                raise GafferError(f"webhooks: {reason}") from None
            self._targets[key] = target
            self._nursery.start_soon(target.run, name=f"webhook {hook.id}")
        return self._targets[key]

    def _remove(self, key: Key) -> None:
        target = self._targets.pop(key)
        self._keeper.leave(target.outbox)
        if len(target.outbox):
            log.info("%s messages of a hook that was removed are dropped", len(target.outbox))
        target.remove()

    def hand_out(self, events: Iterable[Event]) -> None:
        """Put events into the queues of the URLs that want them."""
        letters: dict[Key, list[Added]] = {}
        for event in events:
            wanting = [
                key for key, each in self._targets.items() if each.wants(event.event, event.seq)
            ]
            if wanting:
                name, body = str(_plain(event.event)), _body(event)
                for key in wanting:
                    letter = Added(f"msg_{secrets.token_hex(12)}", name, body)
                    letters.setdefault(key, []).append(letter)
        for key, some in letters.items():
            self._targets[key].add(some)
        self._make_room()

    def _make_room(self) -> None:
        make_room([target.outbox for target in self._targets.values()])

    async def rested(self) -> None:
        """Wait until there is nothing to do but wait."""
        for target in list(self._targets.values()):
            await target.courier.rested()

    def close(self) -> None:
        """End all of them, and keep their files."""
        for target in self._targets.values():
            target.close()


def _body(event: Event) -> msgspec.Raw:
    """An event as JSON. What cannot be written so is one field, and not the end of all hooks."""
    fields = event.to_dict()
    try:
        return msgspec.Raw(_encode(fields))
    except Exception as error:  # noqa: BLE001  its values are the code of whoever published it
        log.error("event %r is posted without all of its fields: %s", event.event, error)
        return msgspec.Raw(_encode({name: _plain(value) for name, value in fields.items()}))


def _plain(value: object) -> object:
    """A value, or what kind it is when JSON cannot have it."""
    try:
        _encode(value)
    except Exception:  # noqa: BLE001
        return f"<{type(value).__name__}>"
    return value
