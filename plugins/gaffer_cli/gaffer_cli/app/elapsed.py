"""How long something has lasted, for people."""

from __future__ import annotations


def elapsed(seconds: float) -> str:
    """`0:00.44`, from an hour on `1:00:00`, from a day on `1 d 0:00:00`. Never rounded up."""
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes:.0f}:{int(rest * 100) / 100:05.2f}"
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    clock = f"{hours}:{minutes:02}:{int(rest):02}"
    return f"{days} d {clock}" if days else clock
