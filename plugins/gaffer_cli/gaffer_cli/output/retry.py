"""Asking again while gafferd cannot be reached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

from gaffer_client.errors import Busy
from gaffer_client.feeds.backoff import Backoff
from gaffer_client.feeds.events import PASSING

T = TypeVar("T")


def patiently(ask: Callable[[], T], on_busy: Callable[[Busy], None] | None = None) -> T:
    """Ask, and again after each error that may pass.

    Args:
        ask: sends the request.
        on_busy: called each time gafferd answers that it is busy, or that the caller has too much
            in progress.

    Raises:
        ClientError: one that will not pass.
    """
    backoff = Backoff(math.inf)
    while True:
        try:
            return ask()
        except PASSING as error:
            if on_busy is not None and isinstance(error, Busy):
                on_busy(error)
            time.sleep(backoff.failed(time.monotonic()) or 0.0)
