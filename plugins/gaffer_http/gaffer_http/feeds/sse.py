"""Server-sent events: the text that an EventSource of a browser reads."""

from __future__ import annotations

MEDIA = "text/event-stream; charset=utf-8"


def message(data: str, *, event: str, seq: int | None = None) -> bytes:
    """One message.

    Args:
        data: any text; each of its lines becomes a `data:` line, whatever ends them. A last end of
            line belongs to the message's own and is left out.
        event: its type, in one line.
        seq: its number, which the client gives back when it connects again.
    """
    head = f"event: {event}\n" if seq is None else f"id: {seq}\nevent: {event}\n"
    lines = data.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    body = lines.replace("\n", "\ndata: ")
    return f"{head}data: {body}\n\n".encode()
