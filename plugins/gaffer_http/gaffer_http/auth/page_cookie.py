"""The cookie of a signed-in browser: signed, so that gafferd need not store it."""

from __future__ import annotations

import hmac
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator

from gaffer_http.asgi import Headers

NAME = "gaffer_page"

LIFETIME = 12 * 3600
"""Seconds that a browser stays signed in."""

_MAX_TRIED = 8
"""Cookies of this name in one request that are checked."""

_VALUE = re.compile(
    r"(?P<signed>v1\.(?P<uid>[0-9]{1,10})\.(?P<expires>[0-9]{1,12}))\.(?P<mac>[\w-]{43})", re.ASCII
)
_CONTEXT = b"gaffer page cookie\0"


def make_cookie(key: bytes, uid: int, *, secure: bool) -> str:
    """Return the value of a Set-Cookie header: without Domain, so for this host only.

    Args:
        key: signs it.
        uid: the user whose browser gets it.
        secure: whether the browser uses HTTPS.
    """
    signed = f"v1.{uid}.{int(time.time()) + LIFETIME}"
    cookie = f"{NAME}={signed}.{_sign(key, signed)}; Path=/; Max-Age={LIFETIME}"
    return f"{cookie}; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"


def find_cookie(key: bytes, uid: int, headers: Headers) -> float | None:
    """Look for a valid cookie in a request.

    A page on another port of this host can set cookies of the same name, so all are tried.

    Args:
        key: has signed it.
        uid: the user at the other end of the connection.
        headers: of the request.

    Returns:
        How many seconds it is still valid; None if there is no valid one.
    """
    for count, value in enumerate(_values(headers)):
        if count == _MAX_TRIED:
            break
        match = _VALUE.fullmatch(value)
        if match is None or not hmac.compare_digest(_sign(key, match["signed"]), match["mac"]):
            continue
        left = int(match["expires"]) - time.time()
        # One that is valid for longer was made before the system clock was set back.
        if int(match["uid"]) == uid and 0 < left <= LIFETIME:
            return left
    return None


def _values(headers: Headers) -> Iterator[str]:
    for header in headers.get(b"cookie", ()):
        for pair in header.decode("latin-1").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == NAME:
                yield value


def _sign(key: bytes, signed: str) -> str:
    mac = hmac.digest(key, _CONTEXT + signed.encode(), "sha256")
    return urlsafe_b64encode(mac).rstrip(b"=").decode()
