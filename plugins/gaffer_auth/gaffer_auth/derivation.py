"""Tokens for single nodes, derived from the token of an operator.

A client that learns the origin of a node from a lookupd sends it a derived token instead of its
own, so that no node receives a secret that another node accepts. gaffer-client derives the same
token.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode

from gaffer_auth.entries import PREFIX

_ORIGIN = r"https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"


def derive_secret(secret: str, origin: str) -> str:
    """Return the secret that a client sends to a node, made with HMAC-SHA256.

    Args:
        secret: the secret of the operator.
        origin: the origin exactly as the node registers it: `https://web1.example.org:5443`.
    """
    digest = hmac.digest(secret.encode(), f"gaffer node {origin}".encode(), "sha256")
    return PREFIX + urlsafe_b64encode(digest).rstrip(b"=").decode()


def find_origin_problem(origin: str) -> str | None:
    """Return why gafferd would not register such an origin; None if it could."""
    if re.fullmatch(_ORIGIN, origin) and int(origin.rpartition(":")[2]) <= 65535:
        return None
    return "must be written as gafferd registers it, like https://web1.example.org:5443"
