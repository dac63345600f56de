"""The auth mode of an endpoint: a user ID, a token or a certificate identifies a caller."""

from __future__ import annotations

from typing import Literal, get_args

AuthMode = Literal["owner", "token", "certificate"]
"""`owner`: programs of gafferd's user and of root need nothing, others a token or a certificate.
`token`: everyone needs a token, or a certificate if the endpoint has a `client_ca`. `certificate`:
everyone needs a client certificate, and tokens do not count."""

AUTH_MODES: tuple[AuthMode, ...] = get_args(AuthMode)


def describe_auth(mode: AuthMode, *, has_client_ca: bool) -> str:
    """Return what callers must show, for the log: `tokens only`; empty for `owner`."""
    if mode == "certificate":
        return "certificates only"
    if mode == "token":
        return "tokens or certificates only" if has_client_ca else "tokens only"
    return ""
