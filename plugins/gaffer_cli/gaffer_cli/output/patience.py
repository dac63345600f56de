"""Asking again while gafferd cannot be reached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

from gaffer_client.feeds.backoff import Backoff
from gaffer_client.feeds.events import PASSING

T = TypeVar("T")


def patiently(ask: Callable[[], T]) -> T:
    """Ask, and again after each error that may pass.

    Raises:
        ClientError: one that will not pass.
    """
    backoff = Backoff(math.inf)
    while True:
        try:
            return ask()
        except PASSING:
            time.sleep(backoff.failed(time.monotonic()) or 0.0)
