"""Tokens for gafferds whose origin was learned from a lookupd or an etcd.

Whoever may register a node chooses its origin, so a learned origin is never sent a secret that
counts anywhere else. It is sent one that is derived for it; `gaffer-auth` derives the same.
"""

from __future__ import annotations

import re

from gaffer_client.errors import ArgumentError

PREFIX = "gfr_"
"""The beginning of every token."""

_ORIGIN = re.compile(r"https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def check_origin(origin: str) -> str:
    """Return an origin that was learned, if it is one that a node may register.

    Raises:
        ArgumentError: it is something else, such as the path of a unix socket.
    """
    if not _ORIGIN.fullmatch(origin):
        raise ArgumentError(
            f"{origin!r} is no origin of a node: it must be https://host:port or http://host:port"
        )
    return origin


def node_token(secret: str, origin: str) -> str:
    """Derive the token for one node from the caller's secret, with HMAC-SHA256.

    The node can neither compute the secret from it nor use it at another node.

    Args:
        secret: the caller's own token.
        origin: of the node, exactly as it is registered: `https://web1.example.org:5443`.

    Raises:
        ArgumentError: it is no origin, or one of http, which is never sent a token.
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
