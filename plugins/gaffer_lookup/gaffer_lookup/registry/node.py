"""One node, and the checks of its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

from gaffer_kernel import JobName
from gaffer_kernel.plugin import shown

from gaffer_lookup.registry.errors import bad_message

MAX_LENGTH = 255
"""Characters of a name or an origin."""

MAX_VERSION = 64
"""Characters of a version."""

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_ORIGIN = re.compile(r"https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A registered gafferd, from its IDENTIFY to its removal; equal to itself only.

    Attributes:
        name: the name that people know, often the host name.
        origin: the URL of its API: `https://web1.example.org:5000`.
        version: of its gafferd.
        owner: the caller that registered it, in the same words for each connection.
    """

    name: str
    origin: str
    version: str
    owner: str

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})"

    @property
    def info(self) -> dict[str, str]:
        """Its public fields."""
        return {"name": self.name, "origin": self.origin, "version": self.version}


Sources = Mapping[Node, Set[int]]
"""The nodes that have a job, and the pids of its processes there."""

Jobs = Mapping[JobName, Sources]


def make_node(name: str, origin: str, version: str, owner: str) -> Node:
    """Make a node out of the fields of an IDENTIFY.

    Raises:
        RegistryError: 400, a field is invalid.
    """
    if len(name) > MAX_LENGTH or not _NAME.fullmatch(name):
        raise bad_message(f"name: must be that of a host, not {shown(name)}")
    if len(origin) > MAX_LENGTH or not _ORIGIN.fullmatch(origin):
        raise bad_message(f"origin: must be http://host:port or https://..., not {shown(origin)}")
    if not 0 < len(version) <= MAX_VERSION or not version.isprintable():
        raise bad_message(f"version: must be 1 to {MAX_VERSION} characters of a line")
    return Node(name, origin, version, owner)
