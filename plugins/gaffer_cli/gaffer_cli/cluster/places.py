"""Which gafferds a command is for: those that lookupds know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from gaffer_client.address import Address
from gaffer_client.errors import ArgumentError, describe_error
from gaffer_client.node_tokens import check_origin, node_token

from gaffer_cli.exit_codes import Failure
from gaffer_cli.invocation import Invocation
from gaffer_cli.printable import printable
from gaffer_cli.token_safety import is_here

if TYPE_CHECKING:
    from gaffer_client import Node
    from gaffer_client.lookup import LookupResult


class Place(NamedTuple):
    """A gafferd, by the name that people give it, and where it is."""

    name: str
    url: str


def places(run: Invocation) -> list[Place]:
    """The gafferds that the lookupds know, of those that `--node` names, if it does.

    Lookupds that do not answer are named, as long as another one does.

    Raises:
        Failure: there is none, or none of that name.
        ClientError: no lookupd answers.
    """
    found = run.lookups().nodes()
    complain(run, found)
    known = _named(found.value)
    if absent := [name for name in run.node if not any(name in _names(each) for each in known)]:
        raise Failure(f"no node {', '.join(absent)}; the lookupds know {_list(known) or 'none'}")
    chosen = [each for each in known if not run.node or _names(each).intersection(run.node)]
    if not chosen:
        raise Failure("the lookupds know no node")
    return chosen


def complain(run: Invocation, found: LookupResult[Any], told: Container[str] = ()) -> None:
    """Name the lookupds that have not answered, but for those at addresses that are told of."""
    for address, error in found.failed.items():
        if address not in told:
            run.complain(describe_error(address, error))


def check_place(run: Invocation, place: Place) -> None:
    """Before requests are sent to a gafferd, check that its origin leads to it and keeps the token.

    Raises:
        Failure: the origin leads to another gafferd or is none, or the token would be sent over
            http.
    """
    try:
        check_origin(place.url)
        check_whereabouts(place, run.lookup_urls)
        if run.token:
            node_token(run.token, place.url)
    except ArgumentError as error:
        # The node is wrong, not the command line.
        raise Failure(str(error)) from None


def check_whereabouts(place: Place, lookups: Iterable[str]) -> None:
    """What another machine calls 127.0.0.1 is itself: here, another gafferd would be asked.

    Raises:
        Failure: it is that, and no lookupd is on this machine.
    """
    if is_here(Address.parse(place.url).host) and not any(map(_is_near, lookups)):
        raise Failure(
            f"{place.url} is only on its own machine: give that gafferd an endpoint for others,"
            " or [lookup] broadcast_address"
        )


def _is_near(url: str) -> bool:
    address = urlsplit(url if "://" in url or url.startswith("unix:") else f"//{url}")
    return "unix" in address.scheme or is_here(address.hostname or "")


def _named(nodes: list[Node]) -> list[Place]:
    """Two nodes of one name are told apart by where they are."""
    # A lookupd may lie: names go to a terminal.
    found = {Place(printable(node.name), printable(node.origin)) for node in nodes}
    names = Counter(name for name, _ in found)
    return sorted(Place(name if names[name] == 1 else f"{name}@{url}", url) for name, url in found)


def _names(place: Place) -> set[str]:
    return {place.name, place.name.removesuffix(f"@{place.url}"), place.url}


def _list(known: list[Place]) -> str:
    return ", ".join(each.name for each in known)
