"""The place where registered nodes are kept: in this process, or shared by several lookupds."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol

from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.store import MemoryStore, Store


class Publish(Protocol):
    """Receives every change."""

    def __call__(self, event: str, node: Node, **what: Any) -> object:
        """Handle `publish(event, node)` or `publish(event, node, job_name=..., pid=...)`."""


class Backend(Protocol):
    """The interface of a backend, as the registry uses it. A backend publishes every change.

    Attributes:
        own: the nodes that are registered here.
        known: the nodes that are registered anywhere; for reading.
    """

    own: Store
    known: Store

    def on_change(self, event: str, node: Node, **what: Any) -> None:
        """Handle a change of the nodes registered here; `own` has it already. Never blocks."""

    def open(self) -> AbstractAsyncContextManager[object]:
        """Keep the nodes as long as the block lasts; afterwards those registered here are gone."""


class MemoryBackend:
    """Keeps nodes in memory, for one process.

    Args:
        publish: called with every change.
    """

    def __init__(self, publish: Publish) -> None:
        self.own: Store = MemoryStore()
        self.known: Store = self.own
        self._publish = publish

    def on_change(self, event: str, node: Node, **what: Any) -> None:
        """Publish the change at once."""
        self._publish(event, node, **what)

    def open(self) -> AbstractAsyncContextManager[None]:
        """Return a context manager that does nothing."""
        return nullcontext()
