"""Whatever dies or hangs of a real etcd, all who register there and all who read it agree soon.

And no process is touched by any of it.
"""

from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import trio
from gaffer_kernel import JobConfig

from .cluster_members import following, jobs_of, open_node, sharing, true
from .etcds import CONT, STOP, needs_etcd, running

pytestmark = needs_etcd

LEASE = 3.0
BACKOFF = 5.0
"""Seconds between two tries at the most."""
TIMEOUT = 4.0
"""Seconds until somebody who does not answer is given up."""
ELECTION = 6.0
"""Seconds that three members on a busy machine may take to have a leader again."""
SLACK = 6.0
"""Seconds beyond what is promised that a busy machine may take."""


class World:
    """Nodes, of which one is registered through two lookupds, and everybody who observes."""

    def __init__(self, etcd, nodes, lookupds, seen):
        self.etcd = etcd
        self.nodes = nodes
        self.lookupds = lookupds
        self.seen = seen
        self.numbers = count()
        for kernel in nodes.values():
            kernel.manager.load(JobConfig(name="web", cmd="serve", numprocesses=2))
        # What ran when everybody knew everything.
        self.pids = {}

    def true(self):
        return {
            (job, name): pids
            for name, kernel in self.nodes.items()
            for job, pids in true(kernel).items()
        }

    async def told(self):
        """What each of the observers knows."""
        mirrored = {
            (job, name): pids for name in self.nodes for job, pids in self.seen.jobs(name).items()
        }
        return [mirrored, *[await jobs_of(lookupd) for lookupd in self.lookupds]]

    async def agree(self, within):
        """Wait until everybody knows what is true."""
        told = None
        with trio.move_on_after(within + SLACK):
            while True:
                told = await self.told() if self.all_there() else None
                if told is not None and all(each == self.true() for each in told):
                    return
                await trio.sleep(0.02)
        raise AssertionError(f"true is {self.true()}, told is {told}")

    def all_there(self):
        return all(self.seen.jobs(name) is not None for name in self.nodes)

    def change(self):
        """Let something happen on every node that everybody has to be told."""
        for kernel in self.nodes.values():
            kernel.manager.get("web").scale("+1")
            kernel.manager.load(JobConfig(name=f"more{next(self.numbers)}", cmd="serve"))

    def check(self):
        """No process was touched."""
        now = self.true()
        assert all(now[key] >= pids for key, pids in self.pids.items())

    async def missed(self):
        """Wait until everybody who is registered has noticed that etcd is away."""
        with trio.fail_after(TIMEOUT + LEASE + SLACK):
            while any(
                each.registered
                for name in ("node1", "node2")
                for each in self.nodes[name].services["lookup"].lookupds()
            ):
                await trio.sleep(0.02)


@asynccontextmanager
async def open_world(folder, size=1):
    with running(folder, size) as etcd:
        place = " ".join(etcd.addresses)
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            lookupds = [await enter(sharing(place, LEASE)) for _ in range(2)]
            urls = [lookupd.url for lookupd in lookupds]
            nodes = {
                "node1": await enter(open_node(place, name="node1")),
                "node2": await enter(open_node(place, name="node2")),
                "node3": await enter(open_node(*urls, name="node3")),
            }
            world = World(etcd, nodes, lookupds, await enter(following(place)))
            await world.agree(within=BACKOFF)
            world.pids = world.true()
            assert all(len(pids) == 2 for pids in world.pids.values())
            yield world
            world.check()


async def test_an_etcd_that_is_killed_and_comes_back_with_its_data(tmp_path):
    async with open_world(tmp_path) as world:
        world.etcd.kill()
        await world.missed()
        assert all(each == world.true() for each in await world.told())
        world.change()
        world.etcd.start()
        await world.agree(within=BACKOFF + LEASE)


async def test_an_etcd_that_comes_back_without_its_data(tmp_path):
    async with open_world(tmp_path) as world:
        world.etcd.kill()
        await world.missed()
        world.etcd.forget()
        world.change()
        world.etcd.start()
        await world.agree(within=BACKOFF + LEASE)


async def test_an_etcd_that_hangs_for_longer_than_a_lease(tmp_path):
    async with open_world(tmp_path) as world:
        [member] = world.etcd.members
        member.signal(STOP)
        try:
            await world.missed()
            assert all(each == world.pids for each in await world.told())
            world.change()
            await trio.sleep(LEASE)
        finally:
            member.signal(CONT)
        await world.agree(within=BACKOFF + TIMEOUT + LEASE)


async def test_three_members_whose_leader_is_killed(tmp_path):
    async with open_world(tmp_path, size=3) as world:
        world.etcd.leader.kill()
        world.change()
        await world.agree(within=ELECTION + TIMEOUT + BACKOFF + LEASE)
        world.etcd.start()
        world.change()
        await world.agree(within=ELECTION + BACKOFF + LEASE)


async def test_three_members_whose_leader_hangs(tmp_path):
    async with open_world(tmp_path, size=3) as world:
        leader = world.etcd.leader
        leader.signal(STOP)
        try:
            world.change()
            await world.agree(within=ELECTION + 3 * TIMEOUT + BACKOFF + LEASE)
        finally:
            leader.signal(CONT)
