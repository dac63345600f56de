"""What is demanded: names of plugins, each with the versions that will do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gaffer_kernel.plugin import PART, shown
from packaging.specifiers import InvalidSpecifier, SpecifierSet

_VERSIONS = r"(?:,?\s*(?:===?|[<>!~]=|[<>])\s*[^\s,<>=!~]+\s*)*"
_DEMAND = re.compile(rf"[\s,]*({PART})\s*({_VERSIONS})")


@dataclass(frozen=True, slots=True)
class Demand:
    """One plugin that is demanded.

    Attributes:
        name: of the plugin.
        versions: those that will do; any, when it is empty.
    """

    name: str
    versions: SpecifierSet

    def __str__(self) -> str:
        return f"{self.name}{self.versions}"


def read_demands(text: str) -> list[Demand]:
    """Read a list like `http webhooks>=1.2, sites>=1,<3`.

    Raises:
        ValueError: saying what it does not understand.
    """
    found = []
    rest = text.strip()
    while rest:
        match = _DEMAND.match(rest)
        if match is None:
            raise ValueError(f"{shown(rest)} is no name of a plugin, with versions as in http>=1.2")
        name, versions = match.groups()
        try:
            found.append(Demand(name, SpecifierSet(versions)))
        except InvalidSpecifier:
            raise ValueError(
                f"{shown(versions.strip())} after {name} are no versions as in http>=1.2"
            ) from None
        rest = rest[match.end() :].strip(" \t\r\n,")
    return found
