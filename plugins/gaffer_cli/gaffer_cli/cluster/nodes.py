"""The nodes that a command is for: gafferds that lookupds know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from gaffer_client.address import Address
from gaffer_client.errors import ArgumentError, describe_error
from gaffer_client.node_tokens import check_origin, node_token

from gaffer_cli.exit_codes import CommandError
from gaffer_cli.invocation import Invocation
from gaffer_cli.printable import printable
from gaffer_cli.token_safety import is_loopback

if TYPE_CHECKING:
    from gaffer_client import Node
    from gaffer_client.lookup import LookupResult


class NodeAddress(NamedTuple):
    """The name of a node, as shown, and its URL."""

    name: str
    url: str


def find_nodes(run: Invocation) -> list[NodeAddress]:
    """Return the nodes that the lookupds know, only those of `--node` if it is given.

    Lookupds that do not answer are reported, as long as another one answers.

    Raises:
        CommandError: there is no node, or none of a name.
        ClientError: no lookupd answers.
    """
    found = run.lookups().nodes()
    warn_failed_lookups(run, found)
    known = _named(found.value)
    if absent := [name for name in run.node if not any(name in _names(each) for each in known)]:
        names = _list(known) or "none"
        raise CommandError(f"no node {', '.join(absent)}; the lookupds know {names}")
    chosen = [each for each in known if not run.node or _names(each).intersection(run.node)]
    if not chosen:
        raise CommandError("the lookupds know no node")
    return chosen


def warn_failed_lookups(
    run: Invocation, found: LookupResult[Any], reported: Container[str] = ()
) -> None:
    """Report the lookupds that did not answer, except those at addresses already reported."""
    for address, error in found.failed.items():
        if address not in reported:
            run.warn(describe_error(address, error))


def check_node(run: Invocation, node: NodeAddress) -> None:
    """Check, before any request, that the origin of a node is safe for requests and for the token.

    Raises:
        CommandError: the origin leads to another gafferd or is invalid, or the token would be sent
            over http.
    """
    try:
        check_origin(node.url)
        check_loopback(node, run.lookup_urls)
        if run.token:
            node_token(run.token, node.url)
    except ArgumentError as error:
        # The fault is in the node, not in the command line.
        raise CommandError(str(error)) from None


def check_loopback(node: NodeAddress, lookups: Iterable[str]) -> None:
    """Refuse a loopback origin from another machine: here it would lead to another gafferd.

    Raises:
        CommandError: the origin is a loopback address, and no lookupd is on this machine.
    """
    if is_loopback(Address.parse(node.url).host) and not any(map(_is_local, lookups)):
        raise CommandError(
            f"{node.url} is only on its own machine: give that gafferd an endpoint for others,"
            " or [lookup] broadcast_address"
        )


def _is_local(url: str) -> bool:
    address = urlsplit(url if "://" in url or url.startswith("unix:") else f"//{url}")
    return "unix" in address.scheme or is_loopback(address.hostname or "")


def _named(nodes: list[Node]) -> list[NodeAddress]:
    """Name the nodes; nodes of the same name also get their origin."""
    # A lookupd is not trusted: its names are printed on a terminal.
    found = {NodeAddress(printable(node.name), printable(node.origin)) for node in nodes}
    names = Counter(name for name, _ in found)
    return sorted(
        NodeAddress(name if names[name] == 1 else f"{name}@{url}", url) for name, url in found
    )


def _names(node: NodeAddress) -> set[str]:
    return {node.name, node.name.removesuffix(f"@{node.url}"), node.url}


def _list(known: list[NodeAddress]) -> str:
    return ", ".join(each.name for each in known)
