"""Stop a thousand processes: from SIGTERM to the supervisor until all are gone."""

from __future__ import annotations

from collections.abc import Iterator

from harness.table import Bound, Row
from harness.thousand import each


def rows() -> Iterator[Row]:
    """Compare gafferd with its peers."""
    gaffer, supervisord, circus = each(lambda life: life.stop)
    yield Row(
        figure="stop 1000",
        gaffer=gaffer,
        unit="s",
        supervisord=supervisord,
        circus=circus,
        bound=Bound(limit=2.0),
    )
