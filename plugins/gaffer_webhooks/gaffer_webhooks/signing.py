"""Signatures of the Standard Webhooks specification."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

from gaffer_kernel import InvalidField

PREFIX = "whsec_"
MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64
"""Bounds of the specification."""


def check_secret(secret: object) -> str:
    """Return a secret if it is valid.

    Raises:
        InvalidField: it is invalid. The reason does not contain it.
    """
    if (
        not isinstance(secret, str)
        or not MIN_SECRET_BYTES <= len(_decode(secret)) <= MAX_SECRET_BYTES
    ):
        reason = f"must be {PREFIX} and {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes in base64"
        raise InvalidField("secret", reason)
    return secret


def _decode(secret: str) -> bytes:
    """Decode a secret; the result is empty if it is invalid."""
    if not secret.startswith(PREFIX):
        return b""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def make_headers(
    message_id: str, timestamp: int, body: bytes, secrets: Iterable[str]
) -> dict[str, str]:
    """Make the headers of a message: its id, the time, and its signatures.

    Args:
        message_id: the same for every try of a message.
        timestamp: the time of this try, seconds since the epoch.
        body: the body of the request.
        secrets: each makes one signature; without any the header for signatures is left out.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = " ".join(_sign(secret, signed) for secret in secrets)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    return {**headers, "webhook-signature": signatures} if signatures else headers


def _sign(secret: str, signed: bytes) -> str:
    digest = hmac.digest(_decode(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
