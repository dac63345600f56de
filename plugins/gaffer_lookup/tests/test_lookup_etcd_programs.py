"""Real gafferds and lookupds with a real etcd, as they are started on a command line."""

from contextlib import ExitStack, asynccontextmanager

import pytest
import trio
from tests.waiting import until

from .clusters import LEASE, START, Cluster, Lookupd, Node
from .etcds import needs_etcd, running
from .programs import LookupdHome

NAMES = ("node1", "node2")


@asynccontextmanager
async def open_cluster(folder):
    """One node in etcd, another with two lookupds that share it."""
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
async def test_whatever_is_killed_the_others_agree(tmp_path):
    async with open_cluster(tmp_path) as cluster:
        direct, other = cluster.nodes
        direct.process.kill()
        await cluster.agree("node2", within=LEASE)
        one, left = cluster.lookupds
        one.process.kill()
        one.process.wait()
        with trio.move_on_after(LEASE + 1):  # The leases of what it had registered end.
            while True:
                assert set(await left.known()) == {"node2"}
                await trio.sleep(0.1)
        assert cluster.untouched(other)


@needs_etcd
async def test_a_node_that_was_killed_need_not_wait_for_the_end_of_its_lease(tmp_path):
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
            assert "somebody else" not in node.home.messages()


# The command line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--store", "etcd"], "--store: 'etcd' is no address of etcd: write etcd://host:2379"),
        (["--store", "http://a"], "--store: 'http://a' is no address of etcd: it must begin with"),
        (["--store", "etcd://u:pw@a"], "give the password in a file of its own"),
        (["--store", "etcd://u:pw@a:b"], "'etcd://u:***@a:b' is no address of etcd: write etcd://"),
        (["--store", "http://u:pw@a"], "'http://u:***@a' is no address of etcd: it must begin"),
        (["--store", "etcd://u:p/w@a"], "'etcd://u:***@a' is no address of etcd: write etcd://"),
        (["--store", "etcd://a:0"], "'etcd://a:0' is no address of etcd: write etcd://host:2379"),
        (["--store", "etcd://u@localhost"], "user and password go together: no password"),
        (["--store", "etcds://a", "--store-cacert", "/none"], "ca_file /none: no such file"),
        (["--store", "etcds://a", "--store-keyfile", "k"], "--store-keyfile: is the key of no"),
        (
            ["--store", "etcd://u@localhost", "--store-password-file", "none"],
            "--store-password-file: none: No such file",
        ),
        (["--store-cacert", "x"], "--store-cacert: means nothing without --store"),
    ],
)
def test_what_is_wrong_with_the_store_is_one_line(tmp_path, options, said):
    result = LookupdHome(tmp_path).lookupd("--bind", "127.0.0.1:0", *options)
    assert result.returncode == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert "pw" not in result.stderr
