"""The changes under a prefix, as one member of an etcd streams them: one line of JSON each."""

from __future__ import annotations

import re
from collections import deque

import trio
from gaffer_client._async.transport import AsyncStream

from gaffer_lookup.etcd.address import TIMEOUT
from gaffer_lookup.etcd.errors import CompactedError, UnavailableError
from gaffer_lookup.etcd.gateway import Gateway
from gaffer_lookup.etcd.responses import (
    MAX_RESPONSE_BYTES,
    as_unavailable,
    error_from_status,
    too_large_error,
)
from gaffer_lookup.etcd.wire import Body, Changes, Header, Status, WatchLine, decode

SILENCE_TIMEOUT = 12.0
"""Seconds without a line after which another member is used.

etcd sends no heartbeats, so the connection may be dead. A new watch costs one request, and every
watcher learns of a change within the lease of a node, even over a dead connection.
"""

_REASON = re.compile(r"rpc error: code = (\w+) desc = (.*)", re.DOTALL)
_CODES = {"InvalidArgument": 3, "PermissionDenied": 7, "Unauthenticated": 16}


class Watch:
    """One streaming response with changes.

    Attributes:
        endpoint: the member that sends it.
        header: the cluster of the member, and its revision when the watch began.
    """

    def __init__(self, stream: AsyncStream) -> None:
        self.header = Header()
        self.endpoint = stream.settings.address.text
        self._stream = stream
        self._rest = bytearray()
        self._lines: deque[bytes] = deque()

    @classmethod
    async def open(cls, gateway: Gateway, body: Body) -> Watch:
        """Request a watch, and wait until it begins."""
        self = cls(await gateway.open("/v3/watch", body, 2 * SILENCE_TIMEOUT))
        try:
            with trio.move_on_after(TIMEOUT):
                self.header = (await self._next()).header
                return self
            raise UnavailableError(self.endpoint, f"no answer in {TIMEOUT:g} s")
        except BaseException:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await self.aclose()
            raise

    async def next_changes(self) -> Changes | None:
        """Wait for the next changes; None after a silence, which ends the watch.

        Raises:
            CompactedError: the changes are compacted.
            UnavailableError: the watch has failed.
        """
        with trio.move_on_after(SILENCE_TIMEOUT):
            return await self._next()
        return None

    async def _next(self) -> Changes:
        changes = self._decode_line(await self._next_line())
        if changes.compact_revision:
            raise CompactedError(self.endpoint, "the changes have been compacted")
        if changes.canceled:
            raise error_from_status(self.endpoint, _parse_cancel_reason(changes.cancel_reason))
        return changes

    def _decode_line(self, line: bytes) -> Changes:
        try:
            decoded = decode(line, WatchLine)
            if decoded.error is not None:
                raise error_from_status(self.endpoint, decoded.error)
            return decode(decoded.result, Changes)
        except ValueError as error:
            raise UnavailableError(self.endpoint, f"invalid response: {error}") from None

    async def _next_line(self) -> bytes:
        while not self._lines:
            with as_unavailable(self.endpoint):
                data = await self._stream.receive()
            if not data and self._rest:
                # The last line, with the reason for the end, has no newline.
                data = b"\n"
            elif not data:
                raise UnavailableError(self.endpoint, "the connection was closed")
            first, *others = data.split(b"\n")
            self._rest += first
            for each in others:
                self._lines.append(bytes(self._rest))
                self._rest = bytearray(each)
            if len(self._rest) > MAX_RESPONSE_BYTES:
                raise too_large_error(self.endpoint)
        return self._lines.popleft()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()


def _parse_cancel_reason(reason: str) -> Status:
    """Parse why a watch ends: a text that contains the fields of a gRPC status."""
    found = _REASON.fullmatch(reason)
    if found is None:
        return Status(message=reason or "the watch is over")
    return Status(code=_CODES.get(found[1], 0), message=found[2])
