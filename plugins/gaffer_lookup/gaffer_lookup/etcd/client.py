"""etcd's own verbs, as far as a registry needs them: leases, transactions, ranges, watches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from gaffer_lookup.etcd.address import Settings
from gaffer_lookup.etcd.errors import (
    LeaseLostError,
    RejectedError,
    TooLargeError,
    UnavailableError,
)
from gaffer_lookup.etcd.gateway import Gateway
from gaffer_lookup.etcd.responses import error_from_status
from gaffer_lookup.etcd.watch import Watch
from gaffer_lookup.etcd.wire import Body, KeepAliveResponse, Lease, Pair, Range, Response, Txn

PAGE = 500
"""Keys that are read with one request."""

MAX_KEYS = 5_000_000

NO_LEASE = "lease not found"

CLOSE_TIMEOUT = 1.0
"""Seconds to revoke leases and close connections."""


class Etcd:
    """One etcd; any of its members may respond.

    Every verb raises UnavailableError when no member responds within a few seconds each, and
    RejectedError when a member refuses the request. A cancelled verb may have been executed.

    Args:
        settings: the connection to the etcd.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._gateway = Gateway(settings)

    async def grant(self, seconds: int) -> Lease:
        """Begin a lease; etcd may make it longer, and then returns the longer time."""
        return await self._gateway.request("/v3/lease/grant", {"TTL": seconds}, Lease)

    async def keep_alive(self, lease: Lease) -> None:
        """Renew a lease.

        Raises:
            LeaseLostError: it has expired, or it is one of another etcd.
        """
        body = {"ID": str(lease.id)}
        response = await self._gateway.request("/v3/lease/keepalive", body, KeepAliveResponse)
        endpoint = self._gateway.endpoint
        if response.error is not None:
            self._gateway.skip_member(endpoint)
            raise error_from_status(endpoint, response.error)
        if response.result.ttl <= 0:
            raise LeaseLostError(endpoint, "the lease has ended")
        if response.result.header.cluster_id != lease.header.cluster_id:
            # Restored from a backup, perhaps: it then has the lease, but no later changes.
            raise LeaseLostError(endpoint, "is another etcd than the one before")

    async def revoke(self, lease: int) -> None:
        """End a lease, and delete the keys under it; do nothing if it has expired."""
        try:
            # Hedged, because there is little time during shutdown.
            await self._gateway.request_hedged("/v3/lease/revoke", {"ID": str(lease)}, Response)
        except RejectedError as error:
            if NO_LEASE not in error.reason:
                raise

    async def txn(
        self, compare: Sequence[Body], success: Sequence[Body], otherwise: Sequence[Body] = ()
    ) -> Txn:
        """Execute one list of operations if all comparisons hold, the other list if not.

        The operations must be idempotent, because the request may be sent twice.

        Raises:
            LeaseLostError: an operation puts a key under a lease that has expired.
        """
        body: Body = {"compare": compare, "success": success, "failure": otherwise}
        try:
            return await self._gateway.request("/v3/kv/txn", body, Txn)
        except RejectedError as error:
            if NO_LEASE in error.reason:
                raise LeaseLostError(error.endpoint, error.reason) from None
            raise

    async def read(self, prefix: bytes) -> tuple[Range, list[Pair]]:
        """Read all keys with a prefix, as they were at the revision of the first response."""
        pairs: list[Pair] = []
        key, end, more = prefix, get_range_end(prefix), True
        first: Range | None = None
        limit = PAGE
        while more:
            at = first.header.revision if first else 0
            body = {"key": key, "range_end": end, "limit": limit, "revision": at}
            try:
                page = await self._gateway.request("/v3/kv/range", body, Range)
            except TooLargeError:
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
                    # A faulty or malicious server could return pages without end.
                    raise UnavailableError(self._gateway.endpoint, "returns keys without end")
        assert first is not None
        return first, pairs

    @asynccontextmanager
    async def watch(self, prefix: bytes, revision: int) -> AsyncIterator[Watch]:
        """Open a watch on one member: the changes under a prefix, from a revision on.

        Raises:
            CompactedError: etcd has compacted that revision.
        """
        create = {"key": prefix, "range_end": get_range_end(prefix), "start_revision": revision}
        # Without fragments all missed changes may come in one line longer than the limit.
        watch = await self._open({"create_request": {**create, "fragment": True}})
        try:
            yield watch
        finally:
            with trio.CancelScope(deadline=trio.current_time() + CLOSE_TIMEOUT, shield=True):
                await watch.aclose()

    async def _open(self, body: Body) -> Watch:
        try:
            return await Watch.open(self._gateway, body)
        except RejectedError:
            # The token for the password expires after some minutes. Some versions of etcd then
            # report nothing more than a missing permission.
            self._gateway.forget_token()
        return await Watch.open(self._gateway, body)

    def skip_member(self, endpoint: str) -> None:
        """Use the next member from now on, if this one is still the current one."""
        self._gateway.skip_member(endpoint)

    async def aclose(self) -> None:
        """Close all connections."""
        with trio.CancelScope(deadline=trio.current_time() + CLOSE_TIMEOUT, shield=True):
            await self._gateway.aclose()


def get_range_end(prefix: bytes) -> bytes:
    """Return the end of the keys with a prefix, whose last byte must not be 255."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))
