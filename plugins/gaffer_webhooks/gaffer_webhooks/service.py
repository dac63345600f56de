"""The service: what other code asks of `kernel.services["webhooks"]`, and its life."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import trio
from gaffer_kernel import InvalidField, Kernel, NotFound, Subscription

from gaffer_webhooks.delivery import Connect
from gaffer_webhooks.flusher import Keeper
from gaffer_webhooks.hook import Hook, Key, make_hook
from gaffer_webhooks.hook_registry import Hooks
from gaffer_webhooks.info import HookInfo, info_of
from gaffer_webhooks.messages import DeadLetter
from gaffer_webhooks.sender import (
    TOTAL_TIMEOUT,
    Certificates,
    Resolve,
    Sender,
    threaded_resolver,
    vetted,
)
from gaffer_webhooks.targets import Targets
from gaffer_webhooks.url import place_of

log = logging.getLogger(__package__)

MAX_HOOKS = 256
"""Registered while gafferd runs."""

GRACE = 3.0
"""Seconds that messages have to be sent when the plugin closes; the kernel would allow five."""

AT_ONCE = 100
"""Events that are put into the queues before others have their turn."""

Infos = list[HookInfo]
DeadLetters = list[DeadLetter]


class Webhooks:
    """What `kernel.services["webhooks"]` is. Hooks with the same URL share its queue.

    Args:
        hooks: those there are.
        targets: where they lead.
        resolve: makes a resolver of hosts.
    """

    def __init__(self, hooks: Hooks, targets: Targets, resolve: Callable[[], Resolve]) -> None:
        self._hooks = hooks
        self._targets = targets
        self._resolve = resolve
        self._changing = trio.Lock()

    async def register(
        self, pattern: str, url: str, secret: str | None = None, *, trusted: bool = True
    ) -> HookInfo:
        """Have events posted to a URL, from now on and after a restart of gafferd too.

        The same pattern and URL again is the same hook, with the new secret.

        Args:
            pattern: an event, the dotted beginning of some, or `.` for all.
            url: http or https.
            secret: `whsec_` and 24 to 64 bytes in base64; signs what is posted.
            trusted: whether the URL may be on this machine or in a private network. False for one
                that came from somebody who may not reach these himself.

        Raises:
            InvalidField: an argument is wrong, or leads where it must not.
            GafferError: the hook cannot be kept.

        If cancelled, it may or may not be registered.
        """
        hook = make_hook(pattern, url, secret, trusted=trusted)
        if not trusted:
            await self._vet(hook)
        async with self._changing:
            self._hooks.refresh()
            kept, fixed = self._hooks.registered(), self._hooks.fixed.get(hook.id)
            if fixed is None:
                if hook.id not in kept and len(kept) >= MAX_HOOKS:
                    raise InvalidField("url", f"there are {MAX_HOOKS} hooks already")
                await self._hooks.keep({**kept, hook.id: hook})
            elif fixed.secret != hook.secret:
                raise InvalidField("secret", "the configuration has this hook with another one")
        return self.get(hook.id)

    async def unregister(self, hook_id: str) -> None:
        """Have no more events posted by a hook. What waits only because of it is dropped.

        Raises:
            NotFound: there is no such hook.
            InvalidField: the file or the program gave it.
            GafferError: this cannot be recorded; it stays.

        If cancelled, it may or may not be there.
        """
        async with self._changing:
            self._find(hook_id)
            if hook_id in self._hooks.fixed:
                raise InvalidField("id", "this hook is in the configuration: remove it there")
            kept = {key: hook for key, hook in self._hooks.kept.items() if key != hook_id}
            await self._hooks.keep(kept)

    def list(self) -> Infos:
        """All hooks."""
        self._hooks.refresh()
        return [info_of(hook, self._targets.of(hook)) for hook in self._hooks.all().values()]

    def get(self, hook_id: str) -> HookInfo:
        """One hook.

        Raises:
            NotFound: there is no such hook.
        """
        hook = self._find(hook_id)
        return info_of(hook, self._targets.of(hook))

    def dead(self, hook_id: str) -> DeadLetters:
        """The messages for a hook's URL that were given up, the oldest first.

        Raises:
            NotFound: there is no such hook.
        """
        return self._targets.of(self._find(hook_id)).outbox.dead()

    def replay(self, hook_id: str, letters: Iterable[str] | None = None) -> int:
        """Send messages that were given up once more, behind those that wait.

        Args:
            hook_id: of the hook.
            letters: their ids; all when not given. Unknown ones are left out.

        Returns:
            How many there are.

        Raises:
            NotFound: there is no such hook.
        """
        return self._targets.of(self._find(hook_id)).outbox.revive(letters)

    def forget(self, hook_id: str, letters: Iterable[str] | None = None) -> int:
        """Remove messages that were given up; otherwise as `replay`."""
        return self._targets.of(self._find(hook_id)).outbox.forget(letters)

    def _find(self, hook_id: str) -> Hook:
        self._hooks.refresh()
        hook = self._hooks.all().get(hook_id)
        if hook is None:
            raise NotFound("webhook", hook_id)
        return hook

    async def _vet(self, hook: Hook) -> None:
        """Refuse a host that leads where it must not. It is looked up again for each message."""
        with trio.move_on_after(TOTAL_TIMEOUT):
            try:
                await vetted(self._resolve(), place_of(hook.url), trusted=False)
            except (OSError, UnicodeError) as error:
                # That a host is unknown may change.
                log.debug("webhook %s: %s", place_of(hook.url).origin, error)
            except ValueError as error:
                raise InvalidField("url", str(error)) from None

    async def gone(self, key: Key) -> None:
        """A receiver has said that nobody is there any more: its hooks are removed."""
        async with self._changing:
            await self._hooks.remove_key(key)


class _Listener:
    """Puts events into the queues.

    Attributes:
        told: the number of the last one.
    """

    def __init__(self, kernel: Kernel, hooks: Hooks, targets: Targets) -> None:
        self._kernel = kernel
        self._hooks = hooks
        self._targets = targets
        self.told = kernel.events.seq

    async def run(self, events: Subscription) -> None:
        """Do so until cancelled."""
        dropped = 0
        while batch := await events.batch():
            self._hooks.refresh()
            for start in range(0, len(batch), AT_ONCE):
                some = batch[start : start + AT_ONCE]
                self._targets.hand_out(some)
                self.told = some[-1].seq
                await trio.lowlevel.checkpoint()
            if events.dropped > dropped:
                log.error("%d events came too fast and were not posted", events.dropped - dropped)
                dropped = events.dropped

    async def caught_up(self) -> None:
        """Wait until the last event is in the queues: a moment."""
        while self.told < self._kernel.events.seq:
            await trio.lowlevel.checkpoint()


@asynccontextmanager
async def open_webhooks(
    kernel: Kernel,
    given: Iterable[Hook] = (),
    *,
    resolve: Callable[[], Resolve] = threaded_resolver,
) -> AsyncIterator[Webhooks]:
    """Post events as long as the block lasts; then send what can be sent soon, and keep the rest.

    Args:
        kernel: whose events they are.
        given: hooks besides those of the file.
        resolve: makes a resolver of hosts for one URL.

    Raises:
        GafferError: the folder for messages cannot be used.
    """
    hooks, keeper, certificates = Hooks(kernel, given), Keeper(), Certificates()

    def connect(key: Key) -> Connect:
        url, trusted = key
        return Sender(url, trusted=trusted, certificates=certificates, resolve=resolve()).connect

    async with trio.open_nursery() as nursery, kernel.events.subscribe(".") as events:
        targets = Targets(
            nursery,
            keeper,
            connect=connect,
            settings=lambda: hooks.settings,
            refresh=hooks.refresh,
            gone=lambda key: nursery.start_soon(webhooks.gone, key),
        )
        listener = _Listener(kernel, hooks, targets)
        hooks.changed = lambda each, folder: targets.lead(each, folder, listener.told)
        webhooks = Webhooks(hooks, targets, resolve)
        try:
            hooks.open()
            nursery.start_soon(keeper.run, name="keeper")
            nursery.start_soon(listener.run, events, name="events")
            yield webhooks
            with trio.move_on_after(GRACE):
                await listener.caught_up()
                await targets.rested()
            await keeper.finish()
        finally:
            nursery.cancel_scope.cancel()
            targets.close()
            hooks.close()
