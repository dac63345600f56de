"""etcd's own verbs, as far as a registry needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from gaffer_lookup.etcd.address import Settings
from gaffer_lookup.etcd.errors import LeaseLost, Refused, TooLarge, Unavailable
from gaffer_lookup.etcd.gateway import Gateway
from gaffer_lookup.etcd.responses import failure
from gaffer_lookup.etcd.watch import Watch
from gaffer_lookup.etcd.wire import Answer, Beat, Body, Lease, Pair, Range, Txn

PAGE = 500
"""Keys that are read at a time."""

MAX_KEYS = 5_000_000

NO_LEASE = "lease not found"

CLOSING = 1.0
"""Seconds to give back what one has."""


class Etcd:
    """One etcd, whichever of its members answers.

    Every verb raises Unavailable when none of them does within a few seconds each, and Refused when
    the answer is no. Cancelled, a verb may have been done.

    Args:
        settings: where its members are, and who we are.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._gateway = Gateway(settings)

    async def grant(self, seconds: int) -> Lease:
        """Begin a lease; etcd may make it longer, and says so."""
        return await self._gateway.ask("/v3/lease/grant", {"TTL": seconds}, Lease)

    async def keep_alive(self, lease: Lease) -> None:
        """Begin a lease anew.

        Raises:
            LeaseLost: it has ended, or it is one of another etcd.
        """
        told = await self._gateway.ask("/v3/lease/keepalive", {"ID": str(lease.id)}, Beat)
        endpoint = self._gateway.endpoint
        if told.error is not None:
            self._gateway.pass_over(endpoint)
            raise failure(endpoint, told.error)
        if told.result.ttl <= 0:
            raise LeaseLost(endpoint, "the lease has ended")
        if told.result.header.cluster_id != lease.header.cluster_id:
            # Put back out of a copy, perhaps: then it has the lease, but not what came later.
            raise LeaseLost(endpoint, "is another etcd than the one before")

    async def revoke(self, lease: int) -> None:
        """End a lease, and delete what was kept under it; nothing if it has ended."""
        try:
            # Who ends has a moment for it.
            await self._gateway.ask_in_haste("/v3/lease/revoke", {"ID": str(lease)}, Answer)
        except Refused as error:
            if NO_LEASE not in error.reason:
                raise

    async def txn(
        self, compare: Sequence[Body], success: Sequence[Body], otherwise: Sequence[Body] = ()
    ) -> Txn:
        """Do one thing or another at once, as all that is compared is so, or not.

        It has to be something that may be done twice.

        Raises:
            LeaseLost: something was to be kept under a lease that has ended.
        """
        body: Body = {"compare": compare, "success": success, "failure": otherwise}
        try:
            return await self._gateway.ask("/v3/kv/txn", body, Txn)
        except Refused as error:
            if NO_LEASE in error.reason:
                raise LeaseLost(error.endpoint, error.reason) from None
            raise

    async def read(self, prefix: bytes) -> tuple[Range, list[Pair]]:
        """All keys with a prefix, as they were at the revision that the first answer tells."""
        pairs: list[Pair] = []
        key, end, more = prefix, after(prefix), True
        first: Range | None = None
        limit = PAGE
        while more:
            at = first.header.revision if first else 0
            body = {"key": key, "range_end": end, "limit": limit, "revision": at}
            try:
                page = await self._gateway.ask("/v3/kv/range", body, Range)
            except TooLarge:
                if limit == 1:
                    raise
                limit = max(1, limit // 8)
                continue
            first = first or page
            pairs += page.kvs
            more = page.more and bool(page.kvs)
            if more:
                key, last = page.kvs[-1].key + b"\0", key
                if key <= last or len(pairs) > MAX_KEYS:
                    # Of one who lies, there would be no end.
                    raise Unavailable(self._gateway.endpoint, "tells more keys than there can be")
        assert first is not None
        return first, pairs

    @asynccontextmanager
    async def watch(self, prefix: bytes, revision: int) -> AsyncIterator[Watch]:
        """Be told of what changes under a prefix, beginning with a revision, by one member.

        Raises:
            Compacted: that is too long ago.
        """
        create = {"key": prefix, "range_end": after(prefix), "start_revision": revision}
        # Else all that was missed may come in one line, and none is long enough for that.
        watch = await self._open({"create_request": {**create, "fragment": True}})
        try:
            yield watch
        finally:
            with trio.CancelScope(deadline=trio.current_time() + CLOSING, shield=True):
                await watch.aclose()

    async def _open(self, body: Body) -> Watch:
        try:
            return await Watch.open(self._gateway, body)
        except Refused:
            # What we were given for the password is good for some minutes only; some say no more of
            # it then than that something is not permitted.
            self._gateway.forget()
        return await Watch.open(self._gateway, body)

    def pass_over(self, endpoint: str) -> None:
        """Let the next member have his turn, if it is still this one's."""
        self._gateway.pass_over(endpoint)

    async def aclose(self) -> None:
        """Close all connections."""
        with trio.CancelScope(deadline=trio.current_time() + CLOSING, shield=True):
            await self._gateway.aclose()


def after(prefix: bytes) -> bytes:
    """The end of the keys that begin with a prefix, which does not end with the last byte."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))
