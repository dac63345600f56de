"""Who knows which gafferds there are."""

from __future__ import annotations

from collections.abc import Callable

from gaffer_client import Lookup

GROUP = "gaffer_lookups"
"""Entry points by the scheme of an address: each is called as Lookup is, and does what it does."""

OWN = ("http", "https", "unix", "http+unix", "https+unix")


def registry_at(url: str) -> Callable[..., Lookup]:
    """What is to be asked at an address: lookupds, unless its scheme is one that others know."""
    scheme = url.partition(":")[0]
    if scheme in OWN:
        return Lookup
    # Late: it reads what is installed.
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=scheme):
        found: Callable[..., Lookup] = point.load()
        return found
    return Lookup
