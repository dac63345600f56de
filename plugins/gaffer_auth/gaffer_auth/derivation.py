"""Tokens for single nodes, derived from the token of an operator.

Clients that learn the origin of a node from a lookupd send it such a token in place of their own,
so no node learns a secret that counts at another one. gaffer-client derives the same.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode

from gaffer_auth.entries import PREFIX

_ORIGIN = r"https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"


def derived_secret(secret: str, origin: str) -> str:
    """The secret that a client sends to a node, made with HMAC-SHA256.

    Args:
        secret: of the operator.
        origin: of the node, exactly as it is registered: `https://web1.example.org:5443`.
    """
    digest = hmac.digest(secret.encode(), f"gaffer node {origin}".encode(), "sha256")
    return PREFIX + urlsafe_b64encode(digest).rstrip(b"=").decode()


def origin_problem(origin: str) -> str | None:
    """Why gafferd would not register such an origin; None if it could."""
    if re.fullmatch(_ORIGIN, origin) and int(origin.rpartition(":")[2]) <= 65535:
        return None
    return "must be written as gafferd registers it, like https://web1.example.org:5443"
