"""The registry backend of several lookupds that share an etcd."""

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
from gaffer_lookup.etcd.registration import EtcdRegistration
from gaffer_lookup.registry.backend import Publish
from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.store import MemoryStore, Store


class EtcdBackend:
    """Keeps nodes in an etcd, together with all lookupds that use the same etcd.

    Nodes that register here are written to etcd. `known`, and the published changes, are read back
    from there, so all lookupds give the same answers.

    Args:
        settings: the connection to the etcd.
        lease: seconds until a node is removed after its lookupd has died.
        publish: called with every change.
    """

    def __init__(self, settings: Settings, lease: float, publish: Publish) -> None:
        self._etcd = Etcd(settings)
        self._mirror = Mirror(self._etcd, publish)
        self._seconds = math.ceil(lease)
        self._registered: dict[Node, tuple[EtcdRegistration, trio.CancelScope]] = {}
        self._nursery: trio.Nursery | None = None
        self.own: Store = MemoryStore()
        self.known: Store = self._mirror.store

    def on_change(self, event: str, node: Node, **what: Any) -> None:
        """Write the change to etcd as soon as possible."""
        if event == "add_node":
            self._add(node)
        elif event == "remove_node":
            _, scope = self._registered.pop(node)
            scope.cancel()
        elif "job_name" in what:
            self._registered[node][0].mark_changed(JobName.parse(what["job_name"]))

    def _add(self, node: Node) -> None:
        assert self._nursery is not None, "it is not open"

        def all_jobs() -> Mapping[JobName, Set[int]]:
            # The registration may ask once more after the node was removed from the store.
            return self.own.get_jobs(node) if node in self._registered else {}

        registration = EtcdRegistration(
            self._etcd,
            node,
            self._seconds,
            get_pids=lambda job: all_jobs().get(job),
            jobs=lambda: list(all_jobs()),
        )
        scope = trio.CancelScope()
        self._registered[node] = registration, scope
        self._nursery.start_soon(partial(_run_within, scope, registration), name=f"node {node}")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Follow etcd as long as the block lasts, which begins once etcd had time to respond."""
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


async def _run_within(scope: trio.CancelScope, registration: EtcdRegistration) -> None:
    with scope:
        await registration.run()
