"""The events of the kernel under test."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from gaffer_kernel import Event
from gaffer_kernel.testing import Recorder

_SHOWN = 20
"""Number of events that the message of a failure shows."""


class Events(Recorder):
    """A plugin that keeps every event, and waits for events with a timeout."""

    name = "events"

    async def wait(self, event: str, *, seconds: float = 5.0, **fields: Any) -> Event:
        """Return the first event with this name and these fields, past or future.

        Args:
            event: the name, such as `exit`.
            seconds: the timeout, on the clock of the test. Then the test fails, with a message
                that lists the last events.
            fields: values of fields, such as `name="web"`.
        """
        with trio.move_on_after(seconds):
            return await self.wait_for(event, **fields)
        asked = ", ".join([event, *(f"{key}={value!r}" for key, value in fields.items())])
        last = self.events[-_SHOWN:]
        happened = "".join(f"\n  {each.to_dict()}" for each in last) or " none"
        pytest.fail(f"no {asked} within {seconds:g} s; the last events:{happened}")

    async def wait_for_any(self) -> None:
        """Wait for the next event."""
        await self._news.park()
