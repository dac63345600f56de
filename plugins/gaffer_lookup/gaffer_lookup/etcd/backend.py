"""An etcd as the place where several lookupds keep what nodes register with each of them."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Set
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from gaffer_kernel import JobName

from gaffer_lookup.etcd.address import TIMEOUT, Settings
from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.mirror import Mirror
from gaffer_lookup.etcd.registration import Registration
from gaffer_lookup.registry.backend import Tell
from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.store import MemoryStore, Store


class EtcdKeeper:
    """A Keeper that all lookupds with the same etcd are one with.

    What a node registers here is put there; what is known, and told, is what comes back from there:
    so all of them answer the same.

    Args:
        settings: where the etcd is.
        lease: seconds that a node is known after its lookupd has died.
        tell: told of every change.
    """

    def __init__(self, settings: Settings, lease: float, tell: Tell) -> None:
        self._etcd = Etcd(settings)
        self._mirror = Mirror(self._etcd, tell)
        self._seconds = math.ceil(lease)
        self._registered: dict[Node, tuple[Registration, trio.CancelScope]] = {}
        self._nursery: trio.Nursery | None = None
        self.own: Store = MemoryStore()
        self.known: Store = self._mirror.store

    def changed(self, event: str, node: Node, **what: Any) -> None:
        """Pass it on to etcd, as soon as that takes it."""
        if event == "add_node":
            self._add(node)
        elif event == "remove_node":
            _, scope = self._registered.pop(node)
            scope.cancel()
        elif "job_name" in what:
            self._registered[node][0].touch(JobName.parse(what["job_name"]))

    def _add(self, node: Node) -> None:
        assert self._nursery is not None, "it is not open"

        def all_jobs() -> Mapping[JobName, Set[int]]:
            # It may have gone since its registration was told to end.
            return self.own.jobs_of(node) if node in self._registered else {}

        registration = Registration(
            self._etcd,
            node,
            self._seconds,
            truth=lambda job: all_jobs().get(job),
            jobs=lambda: list(all_jobs()),
        )
        scope = trio.CancelScope()
        self._registered[node] = registration, scope
        self._nursery.start_soon(partial(_within, scope, registration), name=f"node {node}")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Follow etcd as long as the block lasts, which begins when etcd has had time to answer."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._mirror.run, name="etcd")
                with trio.move_on_after(TIMEOUT):
                    await self._mirror.tried.wait()
                yield
                nursery.cancel_scope.cancel()
        finally:
            await self._etcd.aclose()


async def _within(scope: trio.CancelScope, registration: Registration) -> None:
    with scope:
        await registration.run()
