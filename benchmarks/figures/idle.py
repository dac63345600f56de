"""The cost of watching a thousand idle children for five seconds."""

from __future__ import annotations

from collections.abc import Iterator

from harness.table import Bound, Row
from harness.thousand import each


def rows() -> Iterator[Row]:
    """Compare gafferd with its peers."""
    wake_ups = each(lambda life: life.wake_ups)
    cpu = each(lambda life: life.idle_cpu * 1000)
    for figure, unit, (gaffer, supervisord, circus) in (
        ("idle with 1000 for 5 s: wake-ups", "", wake_ups),
        ("idle with 1000 for 5 s: processor", "ms", cpu),
    ):
        yield Row(
            figure=figure,
            gaffer=gaffer,
            unit=unit,
            supervisord=supervisord,
            circus=circus,
            bound=Bound(limit=0),
        )
