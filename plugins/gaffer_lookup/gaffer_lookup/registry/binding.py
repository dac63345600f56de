"""The only node that a token or certificate may register."""

from __future__ import annotations

from dataclasses import dataclass

from gaffer_lookup.registry.errors import forbidden


@dataclass(frozen=True, slots=True)
class Binding:
    """The only node that the owner of a token or certificate may register.

    Attributes:
        node: its name.
        origin: its origin; None for any.
    """

    node: str
    origin: str | None = None

    def check(self, owner: str, name: str, origin: str) -> None:
        """Check the name and origin of an IDENTIFY.

        Args:
            owner: the owner, for the message.

        Raises:
            RegistryError: 403, the name or the origin is another one.
        """
        if name != self.node:
            raise forbidden(
                f"{owner} registers node {self.node} only, not {name}: give [lookup] name, or"
                " create the token or certificate again with --node"
            )
        if self.origin not in (None, origin):
            raise forbidden(
                f"{owner} registers origin {self.origin} only, not {origin}: give [lookup]"
                " broadcast_address, or create the token or certificate again with --origin"
            )
