"""Long JSON responses, sent in chunks so that other requests are served in between."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import trio
from quart import Response
from quart.wrappers.response import ResponseBody

from gaffer_lookup.registry.serializers import JsonChunks

CONTENT_TYPE = "application/json; charset=utf-8"

TIME_SLICE = 0.005
"""Seconds of work until other tasks run."""

MAX_CHUNK_BYTES = 64 * 1024
"""Bytes that are sent at once."""


async def stream_json(chunks: JsonChunks) -> Response:
    """Respond to the current request with JSON that is made in chunks, some of them empty.

    If cancelled, no further chunk is made.
    """
    body = JsonStream(chunks)
    first = await anext(body)
    # Most responses are short: with a Content-Length they fit into one packet.
    return Response(first if body.is_over else body.push_back(first), content_type=CONTENT_TYPE)


class JsonStream(ResponseBody):
    """The body of such a response.

    Not an async generator: the garbage collector would close an abandoned one at any time.
    """

    def __init__(self, chunks: JsonChunks) -> None:
        self.is_over = False
        self._chunks = chunks
        self._first = b""

    def push_back(self, first: bytes) -> JsonStream:
        """Put a chunk back that was taken from it, and return the body."""
        self._first = first
        return self

    async def __aenter__(self) -> JsonStream:
        return self

    async def __aexit__(self, *error: Any) -> None:
        pass

    def __aiter__(self) -> JsonStream:
        return self

    async def __anext__(self) -> bytes:
        chunk, self._first = self._first, b""
        while not chunk and not self.is_over:
            await trio.lowlevel.checkpoint()
            chunk = self._next()
        if not chunk:
            raise StopAsyncIteration
        return chunk

    def _next(self) -> bytes:
        taken, length, until = [], 0, perf_counter() + TIME_SLICE
        for chunk in self._chunks:
            taken.append(chunk)
            length += len(chunk)
            if length >= MAX_CHUNK_BYTES or perf_counter() >= until:
                break
        else:
            self.is_over = True
        return b"".join(taken)
