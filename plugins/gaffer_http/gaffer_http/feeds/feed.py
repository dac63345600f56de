"""Streaming responses: heartbeats when idle, closed together on shutdown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from math import inf
from typing import Any, Protocol, TypeVar

import trio
from quart import Response, request
from quart.wrappers.response import ResponseBody

from gaffer_http.feeds import sse
from gaffer_http.views.current import current_context

HOLD_TIMEOUT = 0.1
"""Seconds that the beginning of a line is held back for its end."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class Source(Protocol[T_co]):
    """Where a feed gets its data from; cancelling the wait must lose nothing."""

    async def receive(self) -> T_co | None:
        """Return everything that has arrived; None at the end."""


class Encoder(Protocol[T_contra]):
    """The form of a feed."""

    @property
    def media(self) -> str:
        """The content type."""

    @property
    def holds(self) -> bool:
        """Whether something is held back that `flush` would return."""

    def encode(self, batch: T_contra, /) -> Iterator[bytes]:
        """Yield what to send for a batch; pieces may be empty."""

    def flush(self) -> bytes:
        """Return what was held back."""


class Feeds:
    """The feeds of one API, which are closed together.

    Attributes:
        open: how many there are.
        closed: whether they were closed.
    """

    def __init__(self) -> None:
        self.open = 0
        self.closed = False
        self._waiting: set[trio.CancelScope] = set()

    def close(self) -> None:
        """End every feed, also those that begin later."""
        self.closed = True
        for scope in self._waiting:
            scope.cancel()

    @contextmanager
    def bounded(self, deadline: float = inf) -> Iterator[None]:
        """Cancel the block at a deadline, or when the feeds are closed."""
        with trio.CancelScope(deadline=deadline) as scope:
            self._waiting.add(scope)
            if self.closed:
                scope.cancel()
            try:
                yield
            finally:
                self._waiting.discard(scope)

    async def receive(self, source: Source[T], deadline: float) -> tuple[T | None, bool]:
        """Return what a source has received, and whether the deadline or the close came first."""
        received, too_late = None, True
        with self.bounded(deadline):
            received, too_late = await source.receive(), False
        return received, too_late

    async def answer(
        self,
        opening: AbstractAsyncContextManager[Source[T]],
        encoder: Encoder[T],
        *,
        heartbeat: float,
        once: bool,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Answer the current request with a feed.

        Args:
            opening: entered before the response starts, left when the request is over.
            encoder: the form; a new one.
            heartbeat: seconds of silence before a heartbeat: an empty line, or a comment in
                server-sent events.
            once: end after the first batch.
            headers: additional headers of the response.
        """
        if request.method == "HEAD":
            return Response(b"", headers=headers, content_type=encoder.media)
        lifetime = current_context().lifetime
        assert lifetime is not None
        source = await lifetime.enter_async_context(opening)
        self.open += 1
        lifetime.callback(self._ended)
        body = _Feed(self, source, encoder, heartbeat=heartbeat, once=once)
        return Response(body, headers=headers, content_type=encoder.media)

    def _ended(self) -> None:
        self.open -= 1


class _Feed(ResponseBody):
    """The body of a streaming response.

    Not a generator: an abandoned one would be closed by the garbage collector, at any time.
    """

    def __init__(
        self,
        feeds: Feeds,
        source: Source[Any],
        encoder: Encoder[Any],
        *,
        heartbeat: float,
        once: bool,
    ) -> None:
        self._feeds = feeds
        self._source = source
        self._encoder = encoder
        self._heartbeat = heartbeat
        self._once = once
        self._over = False
        self._ready: Iterator[bytes] = iter(())
        self._flush_at = inf

    async def __aenter__(self) -> _Feed:
        return self

    async def __aexit__(self, *error: Any) -> None:
        """Do nothing: the end of the request closes everything."""

    def __aiter__(self) -> _Feed:
        return self

    async def __anext__(self) -> bytes:
        while True:
            for piece in self._ready:
                return piece
            if self._over:
                raise StopAsyncIteration
            self._ready = await self._next()

    async def _next(self) -> Iterator[bytes]:
        now = trio.current_time()
        if not self._encoder.holds:
            self._flush_at = inf
        elif self._flush_at == inf:
            self._flush_at = now + HOLD_TIMEOUT
        batch, too_late = await self._feeds.receive(
            self._source, min(now + self._heartbeat, self._flush_at)
        )
        if batch is not None:
            self._over = self._once
            return self._encoder.encode(batch)
        self._over = self._feeds.closed or not too_late
        if self._over or self._encoder.holds:
            return iter((self._encoder.flush(),))
        return iter((sse.HEARTBEAT if self._encoder.media == sse.MEDIA else b"\n",))
