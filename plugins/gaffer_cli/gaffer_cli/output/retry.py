"""Asking again while gafferd cannot be reached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

from gaffer_client.errors import BusyError
from gaffer_client.feeds.backoff import Backoff
from gaffer_client.feeds.events import TRANSIENT_ERRORS

T = TypeVar("T")


def patiently(ask: Callable[[], T], on_busy: Callable[[BusyError], None] | None = None) -> T:
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
        except TRANSIENT_ERRORS as error:
            if on_busy is not None and isinstance(error, BusyError):
                on_busy(error)
            time.sleep(backoff.next_delay(time.monotonic()) or 0.0)
