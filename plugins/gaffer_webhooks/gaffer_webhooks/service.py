"""The service `kernel.services["webhooks"]` and its lifetime."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import trio
from gaffer_kernel import InvalidField, Kernel, NotFound, Subscription

from gaffer_webhooks.delivery import Connect
from gaffer_webhooks.flusher import Flusher
from gaffer_webhooks.hook import Hook, TargetKey, make_hook
from gaffer_webhooks.hook_registry import HookRegistry
from gaffer_webhooks.messages import DeadLetter
from gaffer_webhooks.schemas import HookInfo
from gaffer_webhooks.sender import (
    TOTAL_TIMEOUT,
    Certificates,
    Resolve,
    Sender,
    make_resolver,
    preload,
    resolve_allowed,
)
from gaffer_webhooks.targets import Targets
from gaffer_webhooks.url import parse_url

log = logging.getLogger(__package__)

MAX_HOOKS = 256
"""Hooks registered at run time."""

CLOSE_TIMEOUT = 3.0
"""Seconds to send messages when the plugin closes; the kernel would allow five."""

BATCH_SIZE = 100
"""Events that are queued before other tasks run."""

Infos = list[HookInfo]
DeadLetters = list[DeadLetter]


class Webhooks:
    """The service of the plugin. Hooks with the same URL share its queue.

    Args:
        hooks: all hooks.
        targets: their URLs.
        make_resolver: makes a resolver of hosts.
    """

    def __init__(
        self, hooks: HookRegistry, targets: Targets, make_resolver: Callable[[], Resolve]
    ) -> None:
        self._hooks = hooks
        self._targets = targets
        self._make_resolver = make_resolver
        self._changing = trio.Lock()

    async def register(
        self, pattern: str, url: str, secret: str | None = None, *, trusted: bool = True
    ) -> HookInfo:
        """Register a hook: post events to a URL from now on, also after a restart of gafferd.

        The same pattern and URL again is the same hook, with the new secret.

        Args:
            pattern: the name of an event, a dotted prefix of names, or `.` for all.
            url: http or https.
            secret: `whsec_` and 24 to 64 bytes in base64; signs the messages.
            trusted: whether the URL may lead to this machine or a private network. Pass False for
                the URL of a caller who may not reach these themselves.

        Raises:
            InvalidField: an argument is invalid, or the URL leads to a blocked address.
            StorageError: the hook cannot be stored.
            GafferError: the folder of the hooks must not be used.

        If cancelled, it may or may not be registered.
        """
        hook = make_hook(pattern, url, secret, trusted=trusted)
        if not trusted:
            await self._check_host(hook)
        async with self._changing:
            self._hooks.refresh()
            stored, fixed = self._hooks.load_stored(), self._hooks.fixed.get(hook.id)
            if fixed is None:
                if hook.id not in stored and len(stored) >= MAX_HOOKS:
                    raise InvalidField("url", f"there are {MAX_HOOKS} hooks already")
                await self._hooks.replace_stored({**stored, hook.id: hook})
            elif fixed.secret != hook.secret:
                raise InvalidField("secret", "the configuration has this hook with another one")
        return self.get(hook.id)

    async def unregister(self, hook_id: str) -> None:
        """Remove a hook, and drop messages that wait because of this hook only.

        Raises:
            NotFound: there is no such hook.
            InvalidField: the configuration or the embedding program gave it.
            StorageError: the change cannot be stored; the hook stays.

        If cancelled, it may or may not be removed.
        """
        async with self._changing:
            self._find(hook_id)
            if hook_id in self._hooks.fixed:
                raise InvalidField("id", "this hook is in the configuration: remove it there")
            stored = {key: hook for key, hook in self._hooks.stored.items() if key != hook_id}
            await self._hooks.replace_stored(stored)

    def list(self) -> Infos:
        """Return all hooks."""
        self._hooks.refresh()
        return [
            HookInfo.from_target(hook, self._targets.get(hook))
            for hook in self._hooks.get_all().values()
        ]

    def get(self, hook_id: str) -> HookInfo:
        """Return one hook.

        Raises:
            NotFound: there is no such hook.
        """
        hook = self._find(hook_id)
        return HookInfo.from_target(hook, self._targets.get(hook))

    def dead(self, hook_id: str) -> DeadLetters:
        """Return the dead letters of a hook's URL, the oldest first.

        Raises:
            NotFound: there is no such hook.
        """
        return self._targets.get(self._find(hook_id)).outbox.list_dead()

    def replay(self, hook_id: str, ids: Iterable[str] | None = None) -> int:
        """Queue dead letters again, behind the pending messages.

        Args:
            hook_id: the id of the hook.
            ids: the ids of the messages; all without it. Unknown ids are ignored.

        Returns:
            The number of messages queued.

        Raises:
            NotFound: there is no such hook.
        """
        return self._targets.get(self._find(hook_id)).outbox.requeue(ids)

    def forget(self, hook_id: str, ids: Iterable[str] | None = None) -> int:
        """Remove dead letters; arguments, result and errors are those of `replay`."""
        return self._targets.get(self._find(hook_id)).outbox.forget(ids)

    def _find(self, hook_id: str) -> Hook:
        self._hooks.refresh()
        hook = self._hooks.get_all().get(hook_id)
        if hook is None:
            raise NotFound("webhook", hook_id)
        return hook

    async def _check_host(self, hook: Hook) -> None:
        """Reject a host with a blocked address. It is resolved again for each message."""
        url = parse_url(hook.url)
        with trio.move_on_after(TOTAL_TIMEOUT):
            try:
                await resolve_allowed(self._make_resolver(), url, trusted=False)
            except (OSError, UnicodeError) as error:
                # A host that is unknown now can become known.
                log.debug("webhook %s: %s", url.origin, error)
            except ValueError as error:
                raise InvalidField("url", str(error)) from None

    async def remove_gone(self, key: TargetKey) -> None:
        """Remove the hooks of a URL whose receiver responded that it is gone."""
        async with self._changing:
            await self._hooks.remove_target(key)


class _EventReader:
    """Queue events for the targets.

    Attributes:
        seq: the number of the last event that was queued.
    """

    def __init__(self, kernel: Kernel, hooks: HookRegistry, targets: Targets) -> None:
        self._kernel = kernel
        self._hooks = hooks
        self._targets = targets
        self.seq = kernel.events.seq

    async def run(self, events: Subscription) -> None:
        dropped = 0
        while batch := await events.batch():
            self._hooks.refresh()
            for start in range(0, len(batch), BATCH_SIZE):
                some = batch[start : start + BATCH_SIZE]
                self._targets.enqueue(some)
                self.seq = some[-1].seq
                await trio.lowlevel.checkpoint()
            if events.dropped > dropped:
                log.error("%d events came too fast and were not posted", events.dropped - dropped)
                dropped = events.dropped

    async def wait_caught_up(self) -> None:
        """Wait until the last event is queued, which takes a moment."""
        while self.seq < self._kernel.events.seq:
            await trio.lowlevel.checkpoint()


@asynccontextmanager
async def open_webhooks(
    kernel: Kernel,
    program_hooks: Iterable[Hook] = (),
    *,
    make_resolver: Callable[[], Resolve] = make_resolver,
) -> AsyncIterator[Webhooks]:
    """Post events while the block lasts; then send what can be sent soon, and keep the rest.

    Args:
        kernel: publishes the events.
        program_hooks: hooks in addition to those of the configuration.
        make_resolver: makes a resolver of hosts for one URL.

    Raises:
        GafferError: the folder of messages cannot be used.
    """
    hooks, flusher, certificates = HookRegistry(kernel, program_hooks), Flusher(), Certificates()

    def connect(key: TargetKey) -> Connect:
        url, trusted = key
        resolve = make_resolver()
        return Sender(url, trusted=trusted, certificates=certificates, resolve=resolve).connect

    async with trio.open_nursery() as nursery, kernel.events.subscribe(".") as events:
        targets = Targets(
            nursery,
            flusher,
            connect=connect,
            get_settings=lambda: hooks.settings,
            refresh=hooks.refresh,
            on_gone=lambda key: nursery.start_soon(webhooks.remove_gone, key),
        )
        reader = _EventReader(kernel, hooks, targets)
        hooks.on_change = lambda each, state_dir: targets.set_hooks(each, state_dir, reader.seq)
        webhooks = Webhooks(hooks, targets, make_resolver)
        try:
            hooks.open()
            nursery.start_soon(flusher.run, name="flusher")
            nursery.start_soon(reader.run, events, name="events")
            nursery.start_soon(_preload, kernel, name="preload")
            yield webhooks
            with trio.move_on_after(CLOSE_TIMEOUT):
                await reader.wait_caught_up()
                await targets.wait_idle()
            await flusher.flush_finally()
        finally:
            nursery.cancel_scope.cancel()
            targets.close()
            hooks.close()


async def _preload(kernel: Kernel) -> None:
    # The first processes go first.
    await kernel.started.wait()
    await preload()
