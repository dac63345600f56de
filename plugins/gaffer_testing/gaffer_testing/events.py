"""What has happened in the kernel under test."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from gaffer_kernel import Event
from gaffer_kernel.testing import Recorder

_SHOWN = 20
"""How many events a failure tells."""


class Events(Recorder):
    """A plugin that keeps every event, and waits for one no longer than it is told to."""

    name = "events"

    async def wait(self, event: str, *, seconds: float = 5.0, **wanted: Any) -> Event:
        """The first event of this name whose fields have these values, past or to come.

        Args:
            event: such as `exit`.
            seconds: how long to wait, on the clock of the test. After that the test fails, and
                says what has happened instead.
            wanted: fields, such as `name="web"`.
        """
        with trio.move_on_after(seconds):
            return await self.wait_for(event, **wanted)
        asked = ", ".join([event, *(f"{key}={value!r}" for key, value in wanted.items())])
        last = self.events[-_SHOWN:]
        happened = "".join(f"\n  {each.to_dict()}" for each in last) or " nothing"
        pytest.fail(f"no {asked} within {seconds:g} s; what happened last:{happened}")

    async def news(self) -> None:
        """Wait until something more has happened."""
        await self._news.park()
