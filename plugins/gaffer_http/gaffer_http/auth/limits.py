"""Limits on the requests of one caller, so that no caller can take all there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

from gaffer_kernel import Config

from gaffer_http.auth.caller import Caller, Owner, identity
from gaffer_http.errors import ApiError

PER_CALLER = 64
"""Requests, feeds and websockets of a token or certificate at a time, by default."""

_KEY = "http_requests_per_caller"
_MAX_PER_CALLER = 1_000_000
_RETRY_AFTER = 1
"""Seconds."""


class TooManyRequestsError(ApiError):
    """429: a caller has as many requests in progress as are allowed."""

    def __init__(self, reason: str) -> None:
        super().__init__(429, "too_many_requests", reason, {"Retry-After": str(_RETRY_AFTER)})


class RequestLimits:
    """Counts the requests, feeds and websockets of each caller; each stream of HTTP/2 counts.

    Args:
        most: how many one caller may have.
        limit_owner: whether that also holds for the owner, who otherwise may have any number.
    """

    def __init__(self, most: int = PER_CALLER, *, limit_owner: bool = False) -> None:
        self._most = most
        self._limit_owner = limit_owner
        self._present: Counter[str] = Counter()

    @contextmanager
    def count_request(self, caller: Caller) -> Iterator[None]:
        """Count one request of a caller while the block lasts.

        Raises:
            TooManyRequestsError: the caller already has as many as are allowed.
        """
        name = identity(caller)
        most = inf if isinstance(caller, Owner) and not self._limit_owner else self._most
        if self._present[name] >= most:
            raise TooManyRequestsError(
                f"{name} has {most} requests and websockets here: end some, or try again later"
            )
        self._present[name] += 1
        try:
            yield
        finally:
            self._present[name] -= 1
            if not self._present[name]:
                del self._present[name]


def read_per_caller(config: Config) -> int:
    """Read `http_requests_per_caller` of [gaffer].

    Raises:
        ConfigError: it is not a number from 1 to a million.
    """
    section = config.section("gaffer")
    number = section.getint(_KEY) if section else None
    if section is None or number is None:
        return PER_CALLER
    if not 1 <= number <= _MAX_PER_CALLER:
        raise section.error(_KEY, f"must be from 1 to {_MAX_PER_CALLER}, not {number}")
    return number
