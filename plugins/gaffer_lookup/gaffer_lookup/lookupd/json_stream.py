"""Answers that may be long: others are not kept waiting until all of one is put together."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import trio
from quart import Response
from quart.wrappers.response import ResponseBody

from gaffer_lookup.registry.serializers import Pieces

JSON = "application/json; charset=utf-8"

TURN = 0.005
"""Seconds until others have their turn."""

LARGEST = 64 * 1024
"""Bytes that are sent in one go."""


async def tell(pieces: Pieces) -> Response:
    """Answer the current request with JSON that comes in pieces, some of them empty.

    If cancelled, no more of them is made.
    """
    body = _Told(pieces)
    begin = await anext(body)
    # Most answers are short: with their length known, they need no more than one packet.
    return Response(begin if body.is_over else body.after(begin), content_type=JSON)


class _Told(ResponseBody):
    """The body of such an answer.

    No generator: one that is abandoned would be closed by the garbage collector, whenever.
    """

    def __init__(self, pieces: Pieces) -> None:
        self.is_over = False
        self._pieces = pieces
        self._begin = b""

    def after(self, begin: bytes) -> _Told:
        """The same, with what has been taken from it before."""
        self._begin = begin
        return self

    async def __aenter__(self) -> _Told:
        return self

    async def __aexit__(self, *error: Any) -> None:
        """Nothing to leave."""

    def __aiter__(self) -> _Told:
        return self

    async def __anext__(self) -> bytes:
        begin, self._begin = self._begin, b""
        while not begin and not self.is_over:
            await trio.lowlevel.checkpoint()
            begin = self._next()
        if not begin:
            raise StopAsyncIteration
        return begin

    def _next(self) -> bytes:
        taken, length, until = [], 0, perf_counter() + TURN
        for piece in self._pieces:
            taken.append(piece)
            length += len(piece)
            if length >= LARGEST or perf_counter() >= until:
                break
        else:
            self.is_over = True
        return b"".join(taken)
