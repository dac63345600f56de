"""Server-sent events: the text that an EventSource of a browser reads."""

from __future__ import annotations

MEDIA = "text/event-stream; charset=utf-8"

HEARTBEAT = b":\r\n"
"""A comment, which clients ignore. That of gaffer 0.4 fails at an empty line."""


def message(data: str, *, event: str, seq: int | None = None) -> bytes:
    """Return one message. Lines end with CR LF: the client of gaffer 0.4 knows no other end.

    Args:
        data: any text; each of its lines becomes a `data:` line, whatever ends them. A final line
            end is left out, because the message has one of its own.
        event: its type, in one line.
        seq: its number, which the client sends when it reconnects.
    """
    head = f"event: {event}\r\n" if seq is None else f"id: {seq}\r\nevent: {event}\r\n"
    lines = data.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    body = lines.replace("\n", "\r\ndata: ")
    return f"{head}data: {body}\r\n\r\n".encode()
