"""Entries as the command prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from gaffer_auth.entries import Certificate, Entry, Token, get_kind
from gaffer_auth.timestamps import format_time

_TITLES = ("NAME", "KIND", "RIGHT", "SESSIONS", "CREATED", "EXPIRES", "NODE", "SUBJECT")


def format_json(entries: Iterable[Entry]) -> str:
    """Format entries as a JSON list of objects, without secrets and hashes."""
    return msgspec.json.format(msgspec.json.encode([_to_dict(each) for each in entries])).decode()


def _to_dict(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "kind": get_kind(entry),
        "right": entry.right,
        "sessions": entry.sessions,
        "created": format_time(entry.created),
        "expires": format_time(entry.expires) if entry.expires else None,
        "subject": entry.subject if isinstance(entry, Certificate) else None,
        "node": entry.node,
        "origin": entry.origin,
    }


def format_table(entries: Sequence[Entry], now: datetime) -> str:
    """Format entries as a table, one line for each."""
    rows = [_TITLES, *(_make_row(each, now) for each in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _make_row(entry: Entry, now: datetime) -> tuple[str, ...]:
    expires = format_time(entry.expires)
    return (
        entry.name,
        get_kind(entry),
        entry.right,
        ",".join(entry.sessions or ("all",)),
        format_time(entry.created),
        expires if entry.is_valid(now) else f"{expires} (expired)",
        " ".join(filter(None, (entry.node, entry.origin))) or "-",
        "-" if isinstance(entry, Token) else entry.subject,
    )


def summarize(entry: Entry) -> str:
    """Describe an entry: `token ci: read in every session, until it is revoked`."""
    where = "every session" if entry.sessions is None else f"session {', '.join(entry.sessions)}"
    until = format_time(entry.expires) if entry.expires else "it is revoked"
    node = f", as node {entry.registered_node}" if entry.node or entry.origin else ""
    at = f" at {entry.origin}" if entry.origin else ""
    return f"{get_kind(entry)} {entry.name}: {entry.right} in {where}{node}{at}, until {until}"
