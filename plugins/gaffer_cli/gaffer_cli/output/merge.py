"""The stored lines of several processes, in the order of their times."""

from __future__ import annotations

from collections.abc import Iterable

from gaffer_cli.output.records import OutputRecord


def merge_by_time(records: Iterable[OutputRecord], limit: int | None = None) -> list[OutputRecord]:
    """Return records in the order in which gafferd read them.

    Args:
        records: in order for each stream of each process.
        limit: return at most so many, the last ones; None for all.
    """
    listed = list(records)
    keys = _get_keys(listed)
    order = sorted(range(len(listed)), key=keys.__getitem__)
    merged = [listed[index] for index in order]
    return merged if limit is None else merged[max(0, len(merged) - limit) :]


def _get_keys(records: list[OutputRecord]) -> list[float]:
    """Return the time of each record; for one without, that of the next one of its process."""
    next_times: dict[int, float] = {}
    keys: list[float] = []
    for record in reversed(records):
        pid = record.process.pid
        time = next_times.get(pid, float("inf")) if record.time is None else record.time
        next_times[pid] = time
        keys.append(time)
    return keys[::-1]
