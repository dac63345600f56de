"""Requirement: the name of a required plugin, and the versions that are accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gaffer_kernel.plugin import PART, shown
from packaging.specifiers import InvalidSpecifier, SpecifierSet

_VERSIONS = r"(?:,?\s*(?:===?|[<>!~]=|[<>])\s*[^\s,<>=!~]+\s*)*"
_REQUIREMENT = re.compile(rf"[\s,]*({PART})\s*({_VERSIONS})")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One required plugin.

    Attributes:
        name: the name of the plugin.
        versions: the versions that are accepted; any if it is empty.
    """

    name: str
    versions: SpecifierSet

    def __str__(self) -> str:
        return f"{self.name}{self.versions}"


def parse_requirements(text: str) -> list[Requirement]:
    """Parse a list like `http webhooks>=1.2, sites>=1,<3`.

    Raises:
        ValueError: naming the part that is not valid.
    """
    found = []
    rest = text.strip()
    while rest:
        match = _REQUIREMENT.match(rest)
        if match is None:
            raise ValueError(
                f"{shown(rest)} is not the name of a plugin, with versions as in http>=1.2"
            )
        name, versions = match.groups()
        try:
            found.append(Requirement(name, SpecifierSet(versions)))
        except InvalidSpecifier:
            raise ValueError(
                f"{shown(versions.strip())} after {name} are not versions as in http>=1.2"
            ) from None
        rest = rest[match.end() :].strip(" \t\r\n,")
    return found
