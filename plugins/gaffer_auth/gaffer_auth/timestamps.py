"""Times in text form, always UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

_SPAN = re.compile(r"([0-9]{1,9})([hd])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def now() -> datetime:
    """Return the time in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def parse_expiry(text: str, start: datetime) -> datetime:
    """Parse an expiry time: `12h` or `30d` from the start, `2026-12-31` or a time with a zone.

    A date means the end of that day.

    Raises:
        ValueError: the text is none of these, or the time has passed; the message is for people.
    """
    try:
        moment = _parse(text, start)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is neither a time from now like 12h or 30d, nor a day like 2026-12-31,"
            " nor a time like 2026-12-31T12:00:00Z"
        ) from None
    if moment <= start:
        raise ValueError(f"{text} is in the past")
    return moment


def _parse(text: str, start: datetime) -> datetime:
    if span := _SPAN.fullmatch(text):
        number = int(span[1])
        return start + (timedelta(hours=number) if span[2] == "h" else timedelta(days=number))
    if _DATE.fullmatch(text):
        return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def format_time(moment: datetime | None) -> str:
    """Format a time as `2026-12-31T12:00:00Z`, None as `never`."""
    if moment is None:
        return "never"
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
