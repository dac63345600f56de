"""A local copy of all nodes that are registered in an etcd, kept up to date."""

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
from gaffer_lookup.etcd.errors import CompactedError, EtcdError, UnavailableError
from gaffer_lookup.etcd.keys import Keys
from gaffer_lookup.etcd.registrations import Registrations
from gaffer_lookup.etcd.wire import Header
from gaffer_lookup.registry.backend import Publish
from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.store import Store

log = logging.getLogger(__name__)


def _ignore(event: str, node: Node, **what: Any) -> None:
    pass


@asynccontextmanager
async def open_mirror(settings: Settings, publish: Publish = _ignore) -> AsyncIterator[Mirror]:
    """Follow the nodes that are registered in an etcd, as long as the block lasts.

    The block begins after the first read. If that fails, `error` holds the reason.

    Args:
        settings: the connection to the etcd, from `read_settings`.
        publish: called with every change: `publish(event, node)`, or with `job_name` and `pid`.
    """
    etcd = Etcd(settings)
    mirror = Mirror(etcd, publish)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mirror.run, name="etcd")
            await mirror.tried.wait()
            yield mirror
            nursery.cancel_scope.cancel()
    finally:
        await etcd.aclose()


class Mirror:
    """Follows the registered nodes. While etcd is unavailable, the last known state stays.

    Args:
        etcd: the etcd.
        publish: called with every change, in the form of the registry's events.

    Attributes:
        store: the nodes; for reading.
        error: why they may be out of date; None while etcd responds.
        tried: set after the first read, also if it failed.
    """

    def __init__(self, etcd: Etcd, publish: Publish) -> None:
        keys = Keys(etcd.settings.prefix)
        self.error: str | None = None
        self.tried = trio.Event()
        self._etcd = etcd
        self._prefix = keys.all
        self._registrations = Registrations(keys, publish)
        self.store: Store = self._registrations.store
        # The last revision that was read; None when everything has to be read again.
        self._seen: Header | None = None
        self._backoff = Backoff(inf)

    async def run(self) -> None:
        """Follow etcd until cancelled."""
        while True:
            try:
                seen = self._seen or await self._read()
                await self._follow(seen)
            except EtcdError as error:
                if isinstance(error, CompactedError):
                    self._seen = None
                else:
                    self._report_failure(str(error))
                self._etcd.skip_member(error.endpoint)
            except Exception as error:
                # No response of an etcd may end this loop: the next try may succeed.
                log.exception("following etcd at %s failed", self._etcd.settings.text)
                self._seen = None
                self._report_failure(describe_exception(error))
            else:
                continue
            await trio.sleep(self._backoff.next_delay(trio.current_time()) or 0.0)

    async def _read(self) -> Header:
        found, pairs = await self._etcd.read(self._prefix)
        self._seen = found.header
        self._registrations.replace(pairs)
        self._report_success()
        return found.header

    async def _follow(self, seen: Header) -> None:
        """Apply changes until the watch has been silent for too long."""
        async with self._etcd.watch(self._prefix, seen.revision + 1) as watch:
            if watch.header.cluster_id != seen.cluster_id:
                self._seen = None
                raise UnavailableError(watch.endpoint, "is another etcd than the one before")
            if watch.header.revision < seen.revision:
                # Restored to an older state, perhaps: no change would come for a long time.
                raise CompactedError(watch.endpoint, "has an older revision than the one before")
            self._report_success()
            while (changes := await watch.next_changes()) is not None:
                self._registrations.apply(changes.events)
                if changes.events and not changes.fragment:
                    seen.revision = changes.events[-1].kv.mod_revision
            # The member may be cut off from the others.
            self._etcd.skip_member(watch.endpoint)

    def _report_success(self) -> None:
        self._backoff.connected(trio.current_time())
        if self.error is not None:
            log.info("etcd at %s answers again", self._etcd.settings.text)
        self.error = None
        self.tried.set()

    def _report_failure(self, error: str) -> None:
        if self.error is None:
            # Once, not for each of the tries that follow.
            log.warning("the nodes known from etcd may be out of date: %s", error)
        self.error = error
        self.tried.set()
