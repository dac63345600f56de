"""Requests repeated while gafferd cannot be reached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

from gaffer_client.errors import BusyError
from gaffer_client.feeds.backoff import Backoff
from gaffer_client.feeds.events import TRANSIENT_ERRORS

T = TypeVar("T")


def retry(send: Callable[[], T], on_busy: Callable[[BusyError], None] | None = None) -> T:
    """Send a request, and repeat it after each transient error.

    Args:
        send: sends the request.
        on_busy: called each time gafferd answers that it is busy, or that the caller has too many
            requests in progress.

    Raises:
        ClientError: an error that is not transient.
    """
    backoff = Backoff(math.inf)
    while True:
        try:
            return send()
        except TRANSIENT_ERRORS as error:
            if on_busy is not None and isinstance(error, BusyError):
                on_busy(error)
            time.sleep(backoff.next_delay(time.monotonic()) or 0.0)
