"""A thousand processes stopped: from TERM to the supervisor until nothing is left."""

from __future__ import annotations

from collections.abc import Iterator

from harness.table import Bound, Row
from harness.thousand import each


def rows() -> Iterator[Row]:
    """gafferd beside its peers."""
    gaffer, supervisord, circus = each(lambda life: life.stop)
    yield Row(
        figure="stop 1000",
        gaffer=gaffer,
        unit="s",
        supervisord=supervisord,
        circus=circus,
        bound=Bound(limit=2.0),
    )
