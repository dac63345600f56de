"""The client of the registry that knows the nodes."""

from __future__ import annotations

from collections.abc import Callable

from gaffer_client import Lookup

GROUP = "gaffer_lookups"
"""Entry points, named by the scheme of an address; each is called as Lookup is, and works alike."""

HTTP_SCHEMES = ("http", "https", "unix", "http+unix", "https+unix")


def speaks_http(url: str) -> bool:
    """Return whether an address is that of a lookupd, not that of a plugin's registry."""
    return url.partition(":")[0] in HTTP_SCHEMES


def get_registry(url: str) -> Callable[..., Lookup]:
    """Return the client class for an address: Lookup, unless a plugin handles its scheme."""
    if speaks_http(url):
        return Lookup
    # Imported here because it reads the metadata of installed distributions.
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=url.partition(":")[0]):
        found: Callable[..., Lookup] = point.load()
        return found
    return Lookup
