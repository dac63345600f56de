"""A node, and what is told of one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

from gaffer_kernel import JobName
from gaffer_kernel.plugin import shown

from gaffer_lookup.registry.errors import bad_message

LONGEST = 255
"""Characters of a name or an origin."""

MAX_VERSION = 64

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_ORIGIN = re.compile(r"https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A gafferd that is registered, from its IDENTIFY to its end; equal to nothing but itself.

    Attributes:
        name: what people know it by, often that of its machine.
        origin: where its API answers: `https://web1.example.org:5000`.
        version: of its gafferd.
        owner: whoever registered it, in words that are the same each time he calls.
    """

    name: str
    origin: str
    version: str
    owner: str

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})"

    @property
    def info(self) -> dict[str, str]:
        """What is told of it."""
        return {"name": self.name, "origin": self.origin, "version": self.version}


Sources = Mapping[Node, Set[int]]
"""The nodes that have a job, and the pids of its processes there."""

Jobs = Mapping[JobName, Sources]


def make_node(name: str, origin: str, version: str, owner: str) -> Node:
    """A node as it says that it is.

    Raises:
        Refusal: 400, something of that cannot be true.
    """
    if len(name) > LONGEST or not _NAME.fullmatch(name):
        raise bad_message(f"name: must be that of a host, not {shown(name)}")
    if len(origin) > LONGEST or not _ORIGIN.fullmatch(origin):
        raise bad_message(f"origin: must be http://host:port or https://..., not {shown(origin)}")
    if not 0 < len(version) <= MAX_VERSION or not version.isprintable():
        raise bad_message(f"version: must be 1 to {MAX_VERSION} characters of a line")
    return Node(name, origin, version, owner)
