"""The figures in the order of the table, each a module with `rows()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.table import Row

from figures import (
    events,
    feed_events,
    feed_output,
    flood,
    idle,
    lookup,
    output,
    replace,
    requests,
    scale,
    start,
    startup,
    stop,
    storm,
)

FIGURES: dict[str, Callable[[], Iterator[Row]]] = {
    "start": start.rows,
    "replace": replace.rows,
    "scale": scale.rows,
    "stop": stop.rows,
    "idle": idle.rows,
    "storm": storm.rows,
    "output": output.rows,
    "events": events.rows,
    "feed_output": feed_output.rows,
    "feed_events": feed_events.rows,
    "requests": requests.rows,
    "flood": flood.rows,
    "startup": startup.rows,
    "lookup": lookup.rows,
}
