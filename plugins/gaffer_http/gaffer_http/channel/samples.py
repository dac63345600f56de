"""The samples of gaffer-stats, if it is installed: from its service, through the kernel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
from gaffer_kernel import Job, Process

from gaffer_http.auth.authorization import current_caller
from gaffer_http.channel.messages import event_message
from gaffer_http.errors import ApiError
from gaffer_http.feeds.feed import Source
from gaffer_http.views.current import current_kernel

SAMPLE = "stat"
"""The event of a sample."""


def stats_service() -> Any:
    """Return the service of gaffer-stats.

    Raises:
        ApiError: 404, it is not open.
    """
    service = current_kernel().services.get("stats")
    if service is None:
        raise ApiError(404, "not_found", "no statistics here: install gaffer-stats")
    return service


@asynccontextmanager
async def open_samples(
    service: Any, subject: Job | Process
) -> AsyncIterator[Source[dict[str, Any]]]:
    """Return the samples of a job or a process, as they are taken."""
    async with service.watch(subject) as watch:
        yield _Samples(watch, partial(service.redact, current_caller()))


class _Samples:
    def __init__(self, watch: Any, show: Callable[[Any], Any]) -> None:
        self._watch = watch
        self._show = show
        self._reported = 0

    async def receive(self) -> dict[str, Any] | None:
        try:
            sample = await anext(self._watch)
        except StopAsyncIteration:
            return None
        payload: dict[str, Any] = msgspec.to_builtins(self._show(sample))
        if self._watch.dropped > self._reported:
            payload["dropped"] = self._watch.dropped - self._reported
            self._reported = self._watch.dropped
        return payload


def sample_messages(topic: str, payload: dict[str, Any]) -> Iterator[str]:
    """Yield the message for a sample."""
    yield event_message(SAMPLE, topic, **payload)
