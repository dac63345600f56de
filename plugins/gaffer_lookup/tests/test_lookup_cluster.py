"""Three real gafferds and two real lookupds: whatever dies or hangs, all agree again soon.

No child process is affected, except by the death of its own gafferd.
"""

import os
import signal
from contextlib import ExitStack, asynccontextmanager

import pytest
import trio

from .cluster_programs import BACKOFF, LEASE, SLACK, START, Cluster, Lookupd, Node, Observer

NAMES = ("node1", "node2", "node3")


@asynccontextmanager
async def open_cluster(folder):
    lookupds = [Lookupd(folder / f"lookupd{number}") for number in (1, 2)]
    with ExitStack() as running:
        for lookupd in lookupds:
            running.callback(lookupd.stop)
            await lookupd.start()
        addresses = [lookupd.url for lookupd in lookupds]
        nodes = [Node(name, folder / name, addresses) for name in NAMES]
        observers = [Observer(lookupd) for lookupd in lookupds]
        cluster = Cluster(lookupds, nodes, observers)
        async with trio.open_nursery() as nursery:
            for observer in observers:
                nursery.start_soon(observer.run)
            # One after the other: a loaded machine may need long for each.
            for number, node in enumerate(nodes, 1):
                node.process = running.enter_context(node.running())
                await cluster.agree(*NAMES[:number], within=START)
            cluster.children = {node.name: node.child for node in nodes}
            yield cluster
            nursery.cancel_scope.cancel()


@pytest.fixture
async def cluster(tmp_path):
    async with open_cluster(tmp_path) as cluster:
        yield cluster


async def test_killed_node_is_removed(cluster):
    one, *others = cluster.nodes
    one.process.kill()
    await cluster.agree("node2", "node3", within=LEASE)
    assert cluster.has_same_children(*others)


async def test_hanging_node_is_removed_after_its_lease_and_returns(cluster):
    one = cluster.nodes[0]
    os.kill(one.process.pid, signal.SIGSTOP)
    try:
        await cluster.agree("node2", "node3", within=LEASE)
    finally:
        os.kill(one.process.pid, signal.SIGCONT)
    await cluster.agree(*NAMES, within=BACKOFF)
    assert cluster.has_same_children(*cluster.nodes)
    assert all(set(observer.removed) == {"node1"} for observer in cluster.observers)


async def test_restarted_lookupd_knows_all_nodes_again(cluster):
    one, other = cluster.lookupds
    one.process.kill()
    one.process.wait()
    assert set(await other.known()) == set(NAMES)
    one.stop()
    await one.start()
    await cluster.agree(*NAMES, within=BACKOFF)
    assert cluster.has_same_children(*cluster.nodes)
    assert cluster.observers[1].removed == []


async def test_hanging_lookupd_disturbs_no_other_and_catches_up(cluster):
    one, other = cluster.lookupds
    os.kill(one.process.pid, signal.SIGSTOP)
    try:
        node = cluster.nodes[0]
        node.process.kill()
        with trio.fail_after(LEASE + SLACK):
            while set(await other.known()) != {"node2", "node3"}:
                await trio.sleep(0.05)
        await trio.sleep(LEASE)  # The hang must outlast the lease: time is what is tested.
    finally:
        os.kill(one.process.pid, signal.SIGCONT)
    await cluster.agree("node2", "node3", within=LEASE + BACKOFF)
    assert cluster.has_same_children(*cluster.nodes[1:])
    assert cluster.observers[1].removed == ["node1"]


class FreezingProxy:
    """A TCP proxy to a lookupd. Frozen, it forwards neither data nor the end of a connection."""

    def __init__(self, to):
        self.to = to
        self.frozen = trio.Event()

    async def run(self, *, task_status):
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            task_status.started()
            nursery.start_soon(trio.serve_listeners, self._forward, listeners)

    async def _forward(self, near):
        frozen = self.frozen
        host, port = self.to.removeprefix("http://").split(":")
        far = await trio.open_tcp_stream(host, int(port))
        async with near, far, trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, near, far, frozen, nursery)
            nursery.start_soon(self._pump, far, near, frozen, nursery)

    async def _pump(self, source, target, frozen, nursery):
        try:
            async for data in source:
                if frozen.is_set():
                    await trio.sleep_forever()
                await target.send_all(data)
        except trio.BrokenResourceError:
            pass
        if frozen.is_set():
            await trio.sleep_forever()  # Forward no FIN either.
        nursery.cancel_scope.cancel()

    def freeze(self):
        """Freeze the open connections; new ones are forwarded."""
        self.frozen.set()
        self.frozen = trio.Event()


async def test_both_ends_detect_half_open_connections(tmp_path):
    proxies = {}
    async with trio.open_nursery() as nursery:

        async def add_proxy(url):
            proxies[url] = FreezingProxy(url)
            await nursery.start(proxies[url].run)

        lookupds = [Lookupd(tmp_path / f"lookupd{number}") for number in (1, 2)]
        for lookupd in lookupds:
            await add_proxy(lookupd.url)
        addresses = [proxies[lookupd.url].url for lookupd in lookupds]
        with ExitStack() as running:
            for lookupd in lookupds:
                running.callback(lookupd.stop)
                await lookupd.start()
            node = Node("node1", tmp_path / "node1", addresses)
            node.process = running.enter_context(node.running())
            observers = [Observer(lookupd) for lookupd in lookupds]
            for observer in observers:
                nursery.start_soon(observer.run)
            cluster = Cluster(lookupds, [node], observers)
            await cluster.agree("node1", within=START)
            cluster.children = {"node1": node.child}
            for proxy in proxies.values():
                proxy.freeze()
            with trio.fail_after(LEASE + SLACK):
                while not all(observer.removed for observer in observers):
                    await trio.sleep(0.02)
            await cluster.agree("node1", within=LEASE + BACKOFF)
            assert cluster.has_same_children(node)
            assert node.home.messages().count("not registered with") >= 2
        nursery.cancel_scope.cancel()
