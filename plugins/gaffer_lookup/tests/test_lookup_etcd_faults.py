"""A real etcd that dies or hangs: all nodes and readers agree again soon.

No child process is affected.
"""

from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import trio
from gaffer_kernel import JobConfig

from .cluster_members import get_jobs, open_follower, open_node, open_sharing_lookupd, running_jobs
from .etcd_cluster import CONT, STOP, needs_etcd, running

pytestmark = needs_etcd

LEASE = 3.0
BACKOFF = 5.0
"""The largest backoff, in seconds."""
TIMEOUT = 4.0
"""Seconds until a request times out."""
ELECTION = 6.0
"""Seconds in which three members elect a leader on a loaded machine."""
SLACK = 6.0
"""Extra seconds for a loaded machine."""


class Cluster:
    """Three nodes, one of them registered through two lookupds, and all observers."""

    def __init__(self, etcd, nodes, lookupds, follower):
        self.etcd = etcd
        self.nodes = nodes
        self.lookupds = lookupds
        self.follower = follower
        self.numbers = count()
        for kernel in nodes.values():
            kernel.manager.load(JobConfig(name="web", cmd="serve", numprocesses=2))
        # The pids of the first time that all agreed.
        self.pids = {}

    def running_jobs(self):
        return {
            (job, name): pids
            for name, kernel in self.nodes.items()
            for job, pids in running_jobs(kernel).items()
        }

    async def observe(self):
        """Return what each observer knows."""
        mirrored = {
            (job, name): pids
            for name in self.nodes
            for job, pids in self.follower.jobs(name).items()
        }
        return [mirrored, *[await get_jobs(lookupd) for lookupd in self.lookupds]]

    async def agree(self, within):
        """Wait until every observer knows the running jobs."""
        observed = None
        with trio.move_on_after(within + SLACK):
            while True:
                observed = await self.observe() if self.all_there() else None
                if observed is not None and all(each == self.running_jobs() for each in observed):
                    return
                await trio.sleep(0.02)
        raise AssertionError(f"running: {self.running_jobs()}, observed: {observed}")

    def all_there(self):
        return all(self.follower.jobs(name) is not None for name in self.nodes)

    def change(self):
        """Change the jobs of every node."""
        for kernel in self.nodes.values():
            kernel.manager.get("web").scale("+1")
            kernel.manager.load(JobConfig(name=f"more{next(self.numbers)}", cmd="serve"))

    def check(self):
        """Check that no child process was replaced."""
        now = self.running_jobs()
        assert all(now[key] >= pids for key, pids in self.pids.items())

    async def wait_unregistered(self):
        """Wait until both nodes in etcd have noticed that it is unavailable."""
        with trio.fail_after(TIMEOUT + LEASE + SLACK):
            while any(
                each.registered
                for name in ("node1", "node2")
                for each in self.nodes[name].services["lookup"].lookupds()
            ):
                await trio.sleep(0.02)


@asynccontextmanager
async def open_cluster(folder, size=1):
    with running(folder, size) as etcd:
        address = " ".join(etcd.addresses)
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            lookupds = [await enter(open_sharing_lookupd(address, LEASE)) for _ in range(2)]
            urls = [lookupd.url for lookupd in lookupds]
            nodes = {
                "node1": await enter(open_node(address, name="node1")),
                "node2": await enter(open_node(address, name="node2")),
                "node3": await enter(open_node(*urls, name="node3")),
            }
            cluster = Cluster(etcd, nodes, lookupds, await enter(open_follower(address)))
            await cluster.agree(within=BACKOFF)
            cluster.pids = cluster.running_jobs()
            assert all(len(pids) == 2 for pids in cluster.pids.values())
            yield cluster
            cluster.check()


async def test_etcd_restarts_with_its_data(tmp_path):
    async with open_cluster(tmp_path) as cluster:
        cluster.etcd.kill()
        await cluster.wait_unregistered()
        assert all(each == cluster.running_jobs() for each in await cluster.observe())
        cluster.change()
        cluster.etcd.start()
        await cluster.agree(within=BACKOFF + LEASE)


async def test_etcd_restarts_without_its_data(tmp_path):
    async with open_cluster(tmp_path) as cluster:
        cluster.etcd.kill()
        await cluster.wait_unregistered()
        cluster.etcd.forget()
        cluster.change()
        cluster.etcd.start()
        await cluster.agree(within=BACKOFF + LEASE)


async def test_etcd_hangs_for_longer_than_a_lease(tmp_path):
    async with open_cluster(tmp_path) as cluster:
        [member] = cluster.etcd.members
        member.signal(STOP)
        try:
            await cluster.wait_unregistered()
            assert all(each == cluster.pids for each in await cluster.observe())
            cluster.change()
            await trio.sleep(LEASE)
        finally:
            member.signal(CONT)
        await cluster.agree(within=BACKOFF + TIMEOUT + LEASE)


async def test_leader_of_three_members_is_killed(tmp_path):
    async with open_cluster(tmp_path, size=3) as cluster:
        cluster.etcd.leader.kill()
        cluster.change()
        await cluster.agree(within=ELECTION + TIMEOUT + BACKOFF + LEASE)
        cluster.etcd.start()
        cluster.change()
        await cluster.agree(within=ELECTION + BACKOFF + LEASE)


async def test_leader_of_three_members_hangs(tmp_path):
    async with open_cluster(tmp_path, size=3) as cluster:
        leader = cluster.etcd.leader
        leader.signal(STOP)
        try:
            cluster.change()
            await cluster.agree(within=ELECTION + 3 * TIMEOUT + BACKOFF + LEASE)
        finally:
            leader.signal(CONT)
