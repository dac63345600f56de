"""Signatures as the Standard Webhooks specification has them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

from gaffer_kernel import InvalidField

PREFIX = "whsec_"
SHORTEST = 24
LONGEST = 64
"""Bytes of a secret, as the specification wants them."""


def check_secret(secret: object) -> str:
    """A secret that somebody gave, if it is one.

    Raises:
        InvalidField: it is none. The reason does not show it.
    """
    if not isinstance(secret, str) or not SHORTEST <= len(_bytes(secret)) <= LONGEST:
        reason = f"must be {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64"
        raise InvalidField("secret", reason)
    return secret


def _bytes(secret: str) -> bytes:
    """The bytes that a secret stands for; none when it is no secret."""
    if not secret.startswith(PREFIX):
        return b""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def headers(letter: str, timestamp: int, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """The three headers by which a receiver knows a message.

    Args:
        letter: the id of the message, the same each time it is sent.
        timestamp: seconds since the epoch, of this time.
        body: what is sent.
        secrets: each makes a signature; without any there is no such header.
    """
    signed = f"{letter}.{timestamp}.".encode() + body
    signatures = " ".join(_signature(secret, signed) for secret in secrets)
    found = {"webhook-id": letter, "webhook-timestamp": str(timestamp)}
    return {**found, "webhook-signature": signatures} if signatures else found


def _signature(secret: str, signed: bytes) -> str:
    digest = hmac.digest(_bytes(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
