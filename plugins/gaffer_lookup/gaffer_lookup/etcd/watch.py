"""What changes under a prefix, as one member of an etcd tells it: a line of JSON at a time."""

from __future__ import annotations

import re
from collections import deque

import trio
from gaffer_client._async.transport import AsyncStream

from gaffer_lookup.etcd.address import TIMEOUT
from gaffer_lookup.etcd.errors import Compacted, Unavailable
from gaffer_lookup.etcd.gateway import Gateway
from gaffer_lookup.etcd.responses import LARGEST, failure, too_large, unreachable
from gaffer_lookup.etcd.wire import Body, Changes, Failure, Header, Told, decode

SILENCE = 12.0
"""Seconds without a word after which another member is asked.

etcd gives no sign of life, so the connection may be dead. To ask again costs one request, and all
who watch know of a change within the lease of a node, whatever has become of their connections.
"""

_REASON = re.compile(r"rpc error: code = (\w+) desc = (.*)", re.DOTALL)
_CODES = {"InvalidArgument": 3, "PermissionDenied": 7, "Unauthenticated": 16}


class Watch:
    """What is told from the beginning to the end of one answer.

    Attributes:
        endpoint: who tells it.
        header: of which etcd he is, and what he knew when it began.
    """

    def __init__(self, stream: AsyncStream) -> None:
        self.header = Header()
        self.endpoint = stream.settings.address.text
        self._stream = stream
        self._rest = bytearray()
        self._lines: deque[bytes] = deque()

    @classmethod
    async def open(cls, gateway: Gateway, body: Body) -> Watch:
        """Ask for it, and wait until it begins."""
        self = cls(await gateway.open("/v3/watch", body, 2 * SILENCE))
        try:
            with trio.move_on_after(TIMEOUT):
                self.header = (await self._next()).header
                return self
            raise Unavailable(self.endpoint, f"no answer in {TIMEOUT:g} s")
        except BaseException:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await self.aclose()
            raise

    async def changes(self) -> Changes | None:
        """The next changes; None after a silence, when this watch is over.

        Raises:
            Compacted: they have been forgotten.
            Unavailable: there will be none.
        """
        with trio.move_on_after(SILENCE):
            return await self._next()
        return None

    async def _next(self) -> Changes:
        told = self._decoded(await self._line())
        if told.compact_revision:
            raise Compacted(self.endpoint, "what was to be told has been compacted")
        if told.canceled:
            raise failure(self.endpoint, _why(told.cancel_reason))
        return told

    def _decoded(self, line: bytes) -> Changes:
        try:
            told = decode(line, Told)
            if told.error is not None:
                raise failure(self.endpoint, told.error)
            return decode(told.result, Changes)
        except ValueError as error:
            raise Unavailable(self.endpoint, f"does not answer as etcd does: {error}") from None

    async def _line(self) -> bytes:
        while not self._lines:
            with unreachable(self.endpoint):
                data = await self._stream.receive()
            if not data and self._rest:
                # The last words, why it ends, have no end of a line.
                data = b"\n"
            elif not data:
                raise Unavailable(self.endpoint, "the connection broke off")
            first, *others = data.split(b"\n")
            self._rest += first
            for each in others:
                self._lines.append(bytes(self._rest))
                self._rest = bytearray(each)
            if len(self._rest) > LARGEST:
                raise too_large(self.endpoint)
        return self._lines.popleft()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()


def _why(reason: str) -> Failure:
    """Why a watch ends; in it is what for other requests is around it."""
    found = _REASON.fullmatch(reason)
    if found is None:
        return Failure(message=reason or "the watch is over")
    return Failure(code=_CODES.get(found[1], 0), message=found[2])
