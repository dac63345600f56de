"""Which node a credential may register."""

from __future__ import annotations

from dataclasses import dataclass

from gaffer_lookup.registry.errors import forbidden


@dataclass(frozen=True, slots=True)
class Binding:
    """The only node that the holder of a token or certificate may register.

    Attributes:
        node: its name.
        origin: its origin; None for any.
    """

    node: str
    origin: str | None = None

    def check(self, owner: str, name: str, origin: str) -> None:
        """Check what a node says in its IDENTIFY.

        Args:
            owner: the holder, for the message.

        Raises:
            Refusal: 403, it is another node, or has another origin.
        """
        if name != self.node:
            raise forbidden(
                f"{owner} registers node {self.node} only, not {name}: give [lookup] name, or make"
                " it anew with --node"
            )
        if self.origin not in (None, origin):
            raise forbidden(
                f"{owner} registers origin {self.origin} only, not {origin}: give [lookup]"
                " broadcast_address, or make it anew with --origin"
            )
