"""Who is known, as the command shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from gaffer_auth.entries import Certificate, Entry, Token, kind_of
from gaffer_auth.timestamps import shown

_TITLES = ("NAME", "KIND", "RIGHT", "SESSIONS", "CREATED", "EXPIRES", "NODE", "SUBJECT")


def as_json(entries: Iterable[Entry]) -> str:
    """All that may be shown of entries, as a list of objects."""
    return msgspec.json.format(msgspec.json.encode([_public(each) for each in entries])).decode()


def _public(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "kind": kind_of(entry),
        "right": entry.right,
        "sessions": entry.sessions,
        "created": shown(entry.created),
        "expires": shown(entry.expires) if entry.expires else None,
        "subject": entry.subject if isinstance(entry, Certificate) else None,
        "node": entry.node,
        "origin": entry.origin,
    }


def as_table(entries: Sequence[Entry], now: datetime) -> str:
    """The same for people, one entry a line."""
    rows = [_TITLES, *(_row(each, now) for each in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _row(entry: Entry, now: datetime) -> tuple[str, ...]:
    expires = shown(entry.expires)
    return (
        entry.name,
        kind_of(entry),
        entry.right,
        ",".join(entry.sessions or ("all",)),
        shown(entry.created),
        expires if entry.counts(now) else f"{expires} (expired)",
        " ".join(filter(None, (entry.node, entry.origin))) or "-",
        "-" if isinstance(entry, Token) else entry.subject,
    )


def summary(entry: Entry) -> str:
    """`token ci: read in every session, until it is revoked`."""
    where = "every session" if entry.sessions is None else f"session {', '.join(entry.sessions)}"
    until = shown(entry.expires) if entry.expires else "it is revoked"
    node = f", as node {entry.registers}" if entry.node or entry.origin else ""
    at = f" at {entry.origin}" if entry.origin else ""
    return f"{kind_of(entry)} {entry.name}: {entry.right} in {where}{node}{at}, until {until}"
