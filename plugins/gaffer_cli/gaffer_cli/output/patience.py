"""Asking again while gafferd cannot be reached."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from gaffer_client.feeds.backoff import PATIENCE, Backoff
from gaffer_client.feeds.events import PASSING

T = TypeVar("T")


def patiently(ask: Callable[[], T]) -> T:
    """Ask, and again after an error that may pass, for PATIENCE seconds.

    Raises:
        ClientError: what the last try raised, or one that will not pass.
    """
    backoff = Backoff(PATIENCE)
    while True:
        try:
            return ask()
        except PASSING:
            delay = backoff.failed(time.monotonic())
            if delay is None:
                raise
        time.sleep(delay)
