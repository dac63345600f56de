"""The beginning of TLS, and an answer for those who do not speak it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import trio

from gaffer_http.errors import JSON, error_from_status

_ERROR = error_from_status(400, "this port speaks https://, and was asked over http://")

_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"Content-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
) % (JSON.encode(), len(_ERROR.body), _ERROR.body)


async def do_handshake(stream: trio.SSLStream[Any]) -> None:
    """Agree on keys with a client. A failure is known to the stream, and met by who uses it next.

    The client is told of it: in HTTP if it speaks that, else by what OpenSSL has to say.

    Args:
        stream: over a Transport; what has to be waited for is the caller's to limit.
    """
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as error:
        is_http = getattr(error.__cause__, "reason", None) == "HTTP_REQUEST"
        # trio keeps what OpenSSL would have sent, that it trusts no such certificate for instance.
        said = _ANSWER if is_http else stream._outgoing.read()
        with suppress(trio.BrokenResourceError):
            await stream.transport_stream.send_all(said)
        await stream.transport_stream.aclose()
