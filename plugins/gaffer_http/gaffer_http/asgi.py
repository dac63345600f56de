"""The types of ASGI that the server, the middleware and the application share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]
"""Takes a Scope, a Receive and a Send; each library has a type of its own for these."""
Header = tuple[bytes, bytes]
Headers = dict[bytes, list[bytes]]
"""The values of each header, by its name in lower case."""


async def respond(
    scope: Scope, send: Send, status: int, headers: list[Header], body: bytes = b""
) -> None:
    """Answer a request, or a websocket that has not been accepted, with a complete response."""
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    length = (b"content-length", b"%d" % len(body))
    await send({"type": f"{kind}.start", "status": status, "headers": [*headers, length]})
    await send({"type": f"{kind}.body", "body": body})
