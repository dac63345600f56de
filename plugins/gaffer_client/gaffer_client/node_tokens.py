"""Tokens for nodes: gafferds whose origin was learned from a lookupd or an etcd.

The holder of a registration token chooses the origin of its node. The client therefore never sends
its own token to a learned origin, but a token derived for this origin. `gaffer-auth` derives the
same token.
"""

from __future__ import annotations

import re

from gaffer_client.errors import ArgumentError

PREFIX = "gfr_"
"""The first characters of every token."""

_ORIGIN = re.compile(r"https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def check_origin(origin: str) -> str:
    """Return a learned origin unchanged.

    Raises:
        ArgumentError: a node cannot register this origin; it is, for example, the path of a unix
            socket.
    """
    if not _ORIGIN.fullmatch(origin):
        raise ArgumentError(
            f"{origin!r} is not an origin of a node: it must be https://host:port or"
            " http://host:port"
        )
    return origin


def node_token(secret: str, origin: str) -> str:
    """Derive the token for one node from the caller's secret, with HMAC-SHA256.

    The node can neither compute the secret from the token nor use the token at another node.

    Args:
        secret: the caller's own token.
        origin: the origin exactly as the node registered it: `https://web1.example.org:5443`.

    Raises:
        ArgumentError: the origin is invalid, or is http, to which no token is sent.
    """
    if not check_origin(origin).startswith("https:"):
        raise ArgumentError(
            f"{origin}: a token is sent over https only: give that gafferd an endpoint with a"
            " certificate, or ask without a token"
        )
    import hmac
    from base64 import urlsafe_b64encode

    digest = hmac.digest(secret.encode(), f"gaffer node {origin}".encode(), "sha256")
    return PREFIX + urlsafe_b64encode(digest).rstrip(b"=").decode()
