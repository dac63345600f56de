"""Who knows which gafferds there are."""

from __future__ import annotations

from collections.abc import Callable

from gaffer_client import Lookup

GROUP = "gaffer_lookups"
"""Entry points by the scheme of an address: each is called as Lookup is, and does what it does."""

OWN = ("http", "https", "unix", "http+unix", "https+unix")


def speaks_http(url: str) -> bool:
    """Whether it is the address of a lookupd, whatever else there is."""
    return url.partition(":")[0] in OWN


def registry_at(url: str) -> Callable[..., Lookup]:
    """What is to be asked at an address: lookupds, unless its scheme is one that others know."""
    if speaks_http(url):
        return Lookup
    # Late: it reads what is installed.
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=url.partition(":")[0]):
        found: Callable[..., Lookup] = point.load()
        return found
    return Lookup
