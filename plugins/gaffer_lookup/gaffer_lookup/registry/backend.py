"""Where what nodes register is kept: by this program alone, or by several together."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol

from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.store import MemoryStore, Store


class Tell(Protocol):
    """Is told of a change."""

    def __call__(self, event: str, node: Node, **what: Any) -> object:
        """`tell(event, node)` or `tell(event, node, job_name=..., pid=...)`."""


class Keeper(Protocol):
    """What a registry needs of such a place. It tells observers of every change.

    Attributes:
        own: what is registered here.
        known: what is registered anywhere; for reading.
    """

    own: Store
    known: Store

    def changed(self, event: str, node: Node, **what: Any) -> None:
        """What is registered here has changed, and `own` with it. Never blocks."""

    def open(self) -> AbstractAsyncContextManager[object]:
        """Keep it as long as the block lasts; then what is registered here is gone."""


class MemoryKeeper:
    """A Keeper for one program, and no longer than it runs.

    Args:
        tell: told of every change.
    """

    def __init__(self, tell: Tell) -> None:
        self.own: Store = MemoryStore()
        self.known: Store = self.own
        self._tell = tell

    def changed(self, event: str, node: Node, **what: Any) -> None:
        """Tell it at once."""
        self._tell(event, node, **what)

    def open(self) -> AbstractAsyncContextManager[None]:
        """There is nothing to keep up."""
        return nullcontext()
