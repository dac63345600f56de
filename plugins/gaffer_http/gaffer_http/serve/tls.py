"""The TLS handshake, and the response to clients that use plain HTTP."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import trio

from gaffer_http.errors import JSON, error_from_status

_ERROR = error_from_status(400, "this port speaks https://, not http://")

_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"Content-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
) % (JSON.encode(), len(_ERROR.body), _ERROR.body)


async def do_handshake(stream: trio.SSLStream[Any]) -> None:
    """Do the TLS handshake with a client.

    The stream remembers a failure and raises it when it is used. The client gets an HTTP response
    if it uses plain HTTP, otherwise the TLS alert of OpenSSL.

    Args:
        stream: over a Transport; the caller limits how long this takes.
    """
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as error:
        is_http = getattr(error.__cause__, "reason", None) == "HTTP_REQUEST"
        # trio keeps the alert that OpenSSL would have sent, for instance that it trusts no such
        # certificate.
        said = _ANSWER if is_http else stream._outgoing.read()
        with suppress(trio.BrokenResourceError):
            await stream.transport_stream.send_all(said)
        await stream.transport_stream.aclose()
