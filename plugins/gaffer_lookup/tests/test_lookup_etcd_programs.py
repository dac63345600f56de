"""Real gafferd and gaffer_lookupd processes with a real etcd."""

from contextlib import ExitStack, asynccontextmanager

import pytest
import trio
from gaffer_testing.waiting import until

from .cluster_programs import LEASE, START, Cluster, Lookupd, Node
from .etcd_cluster import needs_etcd, running
from .lookupd_home import LookupdHome

NAMES = ("node1", "node2")


@asynccontextmanager
async def open_cluster(folder):
    """Run one node in etcd, and one with two lookupds that share it."""
    with ExitStack() as all_running, running(folder) as etcd:
        lookupds = [
            Lookupd(folder / f"lookupd{number}", "--store", etcd.addresses[0]) for number in (1, 2)
        ]
        for lookupd in lookupds:
            all_running.callback(lookupd.stop)
            await lookupd.start()
        direct = Node("node1", folder / "node1", etcd.addresses)
        other = Node("node2", folder / "node2", [lookupd.url for lookupd in lookupds])
        nodes = [direct, other]
        cluster = Cluster(lookupds, nodes, [])
        for number, node in enumerate(nodes, 1):
            node.process = all_running.enter_context(node.running())
            await cluster.agree(*NAMES[:number], within=START)
        cluster.children = {node.name: node.child for node in nodes}
        yield cluster


@needs_etcd
async def test_rest_agrees_after_a_node_and_a_lookupd_are_killed(tmp_path):
    async with open_cluster(tmp_path) as cluster:
        direct, other = cluster.nodes
        direct.process.kill()
        await cluster.agree("node2", within=LEASE)
        one, left = cluster.lookupds
        one.process.kill()
        one.process.wait()
        with trio.move_on_after(LEASE + 1):  # The leases of its nodes expire.
            while True:
                assert set(await left.known()) == {"node2"}
                await trio.sleep(0.1)
        assert cluster.has_same_children(other)


@needs_etcd
async def test_restarted_node_registers_before_its_old_lease_expires(tmp_path):
    with running(tmp_path) as etcd:
        node = Node("node1", tmp_path / "node1", etcd.addresses)
        text = (node.home / "gaffer.ini").read_text()
        node.home.write("gaffer.ini", text.replace("heartbeat = 1.0", "heartbeat = 30"))

        def nodes():
            return etcd.keys("/gaffer/nodes/")

        with node.running():
            await until(nodes)
        with node.running():
            await until(lambda: len(nodes()) == 2)
            assert "another owner" not in node.home.messages()


# The command line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--store", "etcd"], "--store: 'etcd' is not an etcd address: write etcd://host:2379"),
        (["--store", "http://a"], "--store: 'http://a' is not an etcd address: it must begin with"),
        (["--store", "etcd://u:pw@a"], "give the password in a file of its own"),
        (
            ["--store", "etcd://u:pw@a:b"],
            "'etcd://u:***@a:b' is not an etcd address: write etcd://",
        ),
        (["--store", "http://u:pw@a"], "'http://u:***@a' is not an etcd address: it must begin"),
        (["--store", "etcd://u:p/w@a"], "'etcd://u:***@a' is not an etcd address: write etcd://"),
        (["--store", "etcd://a:0"], "'etcd://a:0' is not an etcd address: write etcd://host:2379"),
        (["--store", "etcd://u@localhost"], "user and password go together: no password"),
        (["--store", "etcds://a", "--store-cacert", "/none"], "ca_file /none: no such file"),
        (
            ["--store", "etcds://a", "--store-keyfile", "k"],
            "--store-keyfile: needs --store-certfile",
        ),
        (
            ["--store", "etcd://u@localhost", "--store-password-file", "none"],
            "--store-password-file: none: No such file",
        ),
        (["--store-cacert", "x"], "--store-cacert: needs --store"),
    ],
)
def test_invalid_store_option_is_reported_in_one_line(tmp_path, options, expected):
    result = LookupdHome(tmp_path).lookupd("--bind", "127.0.0.1:0", *options)
    assert result.returncode == 1
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1
    assert "pw" not in result.stderr
