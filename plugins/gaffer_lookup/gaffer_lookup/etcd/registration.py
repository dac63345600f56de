"""One node, kept registered in an etcd: again whenever its lease is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from math import inf

import trio
from gaffer_client.feeds.backoff import Backoff
from gaffer_kernel import JobName
from gaffer_kernel.plugin import describe_exception

from gaffer_lookup.etcd.client import CLOSE_TIMEOUT, Etcd
from gaffer_lookup.etcd.errors import EtcdError, LeaseLostError
from gaffer_lookup.etcd.etcd_sync import EtcdSync
from gaffer_lookup.etcd.leased_node import LeasedNode
from gaffer_lookup.registry.node import Node
from gaffer_lookup.sync_state import GetPids

log = logging.getLogger(__name__)


class EtcdRegistration:
    """Keeps one node registered in an etcd.

    Args:
        etcd: the etcd.
        node: the node.
        seconds: of its lease, at least: how long the node stays after this process has died.
        get_pids: returns the pids of a job.
        jobs: returns all jobs.

    Attributes:
        registered: whether etcd knows the node now.
        error: why it does not.
    """

    def __init__(
        self,
        etcd: Etcd,
        node: Node,
        seconds: int,
        get_pids: GetPids,
        jobs: Callable[[], Iterable[JobName]],
    ) -> None:
        self.registered = False
        self.error: str | None = None
        self._etcd = etcd
        self._node = node
        self._seconds = seconds
        self._get_pids = get_pids
        self._jobs = jobs
        self._sync: EtcdSync | None = None
        # The class of the last failure in the log; None after a success.
        self._logged: type[Exception] | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._backoff = Backoff(inf)

    @property
    def address(self) -> str:
        """The address of the etcd, as the user wrote it."""
        return self._etcd.settings.text

    def mark_changed(self, job: JobName) -> None:
        """Write a job again if its state has changed. Never blocks."""
        if self._sync is not None:
            self._sync.mark_changed(job)
            self._changed.unpark_all()

    def mark_all_changed(self) -> None:
        """Write every job again whose state has changed. Never blocks."""
        if self._sync is not None:
            self._sync.mark_all_changed(self._jobs())
            self._changed.unpark_all()

    async def run(self) -> None:
        """Register, and again whenever the lease is lost; when cancelled, remove the node."""
        while True:
            try:
                await self._run_lease()
            except EtcdError as error:
                self._report_failure(type(error), str(error))
            except Exception as error:
                # No response of an etcd may end this loop: the next try may succeed.
                log.exception("the registration in etcd at %s failed", self.address)
                self._report_failure(type(error), describe_exception(error))
            await self._pause()

    async def _run_lease(self) -> None:
        lease = await self._etcd.grant(self._seconds)
        leased = LeasedNode(self._etcd, self._node, lease)
        try:
            await leased.register()
            self._sync = EtcdSync(leased.keys, lease.id, self._get_pids, self._jobs())
            await self._keep(leased, self._sync)
        finally:
            self._sync = None
            self.registered = False
            await self._revoke(lease.id)

    async def _keep(self, leased: LeasedNode, sync: EtcdSync) -> None:
        """Write changes, and renew the lease, until it is lost."""
        interval = leased.lease.ttl / 3
        due = trio.current_time() + interval
        while True:
            try:
                if trio.current_time() >= due:
                    await leased.renew()
                    due = trio.current_time() + interval
                elif batch := sync.next_batch():
                    await leased.write(sync.operations(batch))
                    sync.mark_written(batch)
                else:
                    # Not after the first renewal: the node counts when its jobs are written.
                    self._report_success()
                    with trio.CancelScope(deadline=due):
                        await self._changed.park()
            except LeaseLostError:
                raise
            except EtcdError as error:
                # The lease may last until etcd responds again.
                self._report_failure(type(error), str(error))
                await self._pause(interval)

    async def _revoke(self, lease: int) -> None:
        with trio.CancelScope(deadline=trio.current_time() + CLOSE_TIMEOUT, shield=True):
            try:
                await self._etcd.revoke(lease)
            except EtcdError:
                log.debug("the lease of node %s is not revoked: it will expire", self._node)

    # Logged once, not for each of the tries that follow

    def _report_success(self) -> None:
        self._backoff.connected(trio.current_time())
        if not self.registered:
            log.info("node %s is registered in etcd at %s", self._node, self.address)
        self.registered, self.error, self._logged = True, None, None

    def _report_failure(self, kind: type[Exception], reason: str) -> None:
        logged, self._logged = self._logged, kind
        self.registered, self.error = False, reason
        if logged is not kind:
            log.warning("node %s is not registered in etcd: %s", self._node, reason)

    async def _pause(self, longest: float = inf) -> None:
        await trio.sleep(min(longest, self._backoff.next_delay(trio.current_time()) or 0.0))
