"""What is registered in an etcd, followed as it changes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import Any

import trio
from gaffer_client.feeds.backoff import Backoff
from gaffer_kernel.plugin import describe_exception

from gaffer_lookup.etcd.address import Settings
from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.errors import Compacted, EtcdError, Unavailable
from gaffer_lookup.etcd.keys import Keys
from gaffer_lookup.etcd.registrations import Roll
from gaffer_lookup.etcd.wire import Header
from gaffer_lookup.registry.backend import Tell
from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.store import Store

log = logging.getLogger(__name__)


def _say_nothing(event: str, node: Node, **what: Any) -> None:
    """Nobody wants to be told."""


@asynccontextmanager
async def open_mirror(settings: Settings, tell: Tell = _say_nothing) -> AsyncIterator[Mirror]:
    """Follow what is registered in an etcd as long as the block lasts.

    It begins when everything has been read, or could not be: then `error` says why.

    Args:
        settings: where the etcd is, of `read_settings`.
        tell: told of every change: `tell(event, node)`, or with `job_name` and `pid`.
    """
    etcd = Etcd(settings)
    mirror = Mirror(etcd, tell)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mirror.run, name="etcd")
            await mirror.tried.wait()
            yield mirror
            nursery.cancel_scope.cancel()
    finally:
        await etcd.aclose()


class Mirror:
    """Follows what is registered. While etcd is away, what was known last stays.

    Args:
        etcd: where.
        tell: told of every change, as the registry tells it.

    Attributes:
        store: what is known; for reading.
        error: why it may be out of date; None if nothing is known against it.
        tried: set when everything has been read, or could not be.
    """

    def __init__(self, etcd: Etcd, tell: Tell) -> None:
        keys = Keys(etcd.settings.prefix)
        self.error: str | None = None
        self.tried = trio.Event()
        self._etcd = etcd
        self._prefix = keys.all
        self._roll = Roll(keys, tell)
        self.store: Store = self._roll.store
        # The last of what is known; None when everything has to be read.
        self._seen: Header | None = None
        self._backoff = Backoff(inf)

    async def run(self) -> None:
        """Follow it until cancelled."""
        while True:
            try:
                seen = self._seen or await self._read()
                await self._follow(seen)
            except EtcdError as error:
                if isinstance(error, Compacted):
                    self._seen = None
                else:
                    self._lost(str(error))
                self._etcd.pass_over(error.endpoint)
            except Exception as error:
                # Whatever an etcd has brought about here, the next try may go well.
                log.exception("what follows etcd at %s failed", self._etcd.settings.text)
                self._seen = None
                self._lost(describe_exception(error))
            else:
                continue
            await trio.sleep(self._backoff.next_delay(trio.current_time()) or 0.0)

    async def _read(self) -> Header:
        found, pairs = await self._etcd.read(self._prefix)
        self._seen = found.header
        self._roll.replace(pairs)
        self._found()
        return found.header

    async def _follow(self, seen: Header) -> None:
        """Take in what changes, until nobody says anything."""
        async with self._etcd.watch(self._prefix, seen.revision + 1) as watch:
            told = watch.header
            if told.cluster_id != seen.cluster_id:
                self._seen = None
                raise Unavailable(watch.endpoint, "is another etcd than the one before")
            if told.revision < seen.revision:
                # Put back to what it was, perhaps: then nothing would come for a long time.
                raise Compacted(watch.endpoint, "knows less than the one before")
            self._found()
            while (changes := await watch.changes()) is not None:
                self._roll.change(changes.events)
                if changes.events and not changes.fragment:
                    seen.revision = changes.events[-1].kv.mod_revision
            # He may be cut off from the others.
            self._etcd.pass_over(watch.endpoint)

    def _found(self) -> None:
        self._backoff.connected(trio.current_time())
        if self.error is not None:
            log.info("etcd at %s answers again", self._etcd.settings.text)
        self.error = None
        self.tried.set()

    def _lost(self, error: str) -> None:
        if self.error is None:
            # Once, not at each of the tries that follow.
            log.warning("what etcd knows of nodes may be out of date: %s", error)
        self.error = error
        self.tried.set()
